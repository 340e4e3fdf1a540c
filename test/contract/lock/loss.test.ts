import { mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readClaim } from "../../../src/lock/claim-record.ts";
import { useContenders, type Contender } from "../../support/lock-contenders.ts";
import { claimNumbers, claimPath, inodeOf, inodeOfClaim, isWaitedFor, leasesOf } from "../../support/lock-files.ts";
import { setAge } from "../../support/lock-forgery.ts";
import { lockPlace, type LockPlace } from "../../support/lock-place.ts";
import { hasKernelPulse, pulsesHere } from "../../support/pulses-here.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

const start = useContenders();

/** A holder with token 3, and what becomes of its files. */
async function startHolder(place: LockPlace): Promise<Contender> {
  const holder = await start(place);
  for (let tenure = 1; tenure < 3; tenure += 1) {
    await holder.acquire();
    await holder.ask("release");
  }
  expect(await holder.acquire({ info: "mine" })).toBe(3);
  return holder;
}

function removeState(place: LockPlace): void {
  rmSync(place.state, { recursive: true });
}

describe.each(pulsesHere)("a holder with a %s pulse", (pulse) => {
  const newPlace = (): LockPlace => lockPlace(temporaryDirectory(), pulse);

  it("still holds what nobody touched", async () => {
    const holder = await startHolder(newPlace());
    expect(await holder.ask("verify")).toBe("held");
  });

  it("restores its claim, its number, and its link (R0.2), when the state directory was removed", async () => {
    const place = newPlace();
    const holder = await startHolder(place);
    removeState(place);
    expect(await holder.ask("verify")).toBe("restored");
    expect(claimNumbers(place)).toEqual([3]);
    await holder.ask("show");
    expect(inodeOf(place.link)).toBe(inodeOfClaim(place, 3));
    const other = await start(place);
    const { view } = await other.tryAcquire();
    expect(view?.holder).toMatchObject({ number: 3, pid: holder.pid, info: "mine", state: "held" });
    expect(await holder.ask("verify")).toBe("held");
    await holder.ask("release");
    expect(await other.acquire()).toBe(4);
  });

  it("restores its claim when only that was removed", async () => {
    const place = newPlace();
    const holder = await startHolder(place);
    rmSync(claimPath(place, 3));
    expect(await holder.ask("verify")).toBe("restored");
    expect(await holder.ask("verify")).toBe("held");
  });

  it("shows its link again when only that was removed (R0.2)", async () => {
    const place = newPlace();
    const holder = await startHolder(place);
    rmSync(place.link);
    await holder.ask("show");
    expect(inodeOf(place.link)).toBe(inodeOfClaim(place, 3));
    await holder.ask("release");
    expect(inodeOf(place.link)).toBeUndefined();
  });

  it("restores it above a claim that came and went meanwhile, but never beside a live one", async () => {
    const place = newPlace();
    const holder = await startHolder(place);
    removeState(place);
    const other = await start(place);
    expect(await other.acquire()).toBe(1);
    await other.ask("release");
    expect(await holder.ask("verify")).toBe("restored");
    removeState(place);
    const another = await start(place);
    expect(await another.acquire()).toBe(1);
    expect(await holder.ask("verify")).toBe("lost");
    expect(await another.ask("verify")).toBe("held");
    expect(claimNumbers(place)).toEqual([1]);
  });

  it.each(["held", "released"])("has lost the lock when a higher number was taken, %s or not", async (state) => {
    const place = newPlace();
    const holder = await startHolder(place);
    removeState(place);
    const other = await start(place);
    for (let token = 1; token <= 4; token += 1) {
      expect(await other.acquire()).toBe(token);
      if (token < 4 || state === "released") await other.ask("release");
    }
    expect(await holder.ask("verify")).toBe("lost");
    await holder.ask("release");
    expect((await other.ask("look")).last).toMatchObject({ number: 4, pid: other.pid, state });
  });
});

describe("a holder that was suspended for longer than its lease lasts", () => {
  it("has lost the lock to the one who took it over, and takes nothing of it back", async () => {
    const place = lockPlace(temporaryDirectory(), "lease");
    const [holder, other] = [await start(place), await start(place)];
    await holder.acquire();
    await holder.signal("SIGSTOP");
    for (const lease of leasesOf(place)) setAge(lease, 2 * place.staleMs);
    expect(await other.acquire()).toBe(2);
    await holder.signal("SIGCONT");
    expect(await holder.ask("verify")).toBe("lost");
    await holder.ask("release");
    expect(await other.ask("verify")).toBe("held");
    expect(inodeOf(place.link)).toBe(inodeOfClaim(place, 2));
    expect((await holder.tryAcquire()).view?.holder).toMatchObject({ number: 2, pid: other.pid });
  });
});

describe.each(["removed", "moved"])("a holder whose state directory was %s", (how) => {
  it.skipIf(!hasKernelPulse)("wakes who waited for it all the same (kernel pulse)", async () => {
    const root = temporaryDirectory();
    const place = lockPlace(join(root, "state"), "kernel");
    const holder = await startHolder(place);
    const waiter = await start(place);
    const { granted } = await waiter.getInLine();
    await until(() => isWaitedFor([claimPath(place, 3)]));
    if (how === "removed") removeState(place);
    else renameSync(place.state, join(root, "elsewhere"));
    expect(await holder.ask("verify")).toBe("restored");
    await holder.ask("release");
    expect(await granted).toBe(4);
  });
});

describe("a holder whose link cannot be restored", () => {
  it.skipIf(!hasKernelPulse)("wakes who waited for the claim that was removed (kernel pulse)", async () => {
    const place = lockPlace(temporaryDirectory(), "kernel");
    const holder = await startHolder(place);
    const waiter = await start(place);
    const { granted } = await waiter.getInLine();
    await until(() => isWaitedFor([claimPath(place, 3)]));
    for (const path of [place.link, claimPath(place, 3)]) rmSync(path);
    mkdirSync(place.link);
    expect(await holder.ask("verify")).toBe("restored");
    await expect(holder.ask("show")).rejects.toThrow("Cannot link the lock");
    expect(readdirSync(place.state).filter((name) => name.startsWith("session.lock"))).toEqual(["session.lock"]);
    rmdirSync(place.link);
    await holder.ask("show");
    expect(inodeOf(place.link)).toBe(inodeOfClaim(place, 3));
    await holder.ask("release");
    expect(await granted).toBe(4);
  });
});

describe("a holder whose state directory was moved", () => {
  it.skipIf(!hasKernelPulse)("holds the lock in both places, and gives it back in both (kernel pulse)", async () => {
    const root = temporaryDirectory();
    const [place, moved] = [lockPlace(join(root, "state"), "kernel"), lockPlace(join(root, "elsewhere"), "kernel")];
    const holder = await startHolder(place);
    renameSync(place.state, moved.state);
    expect(await holder.ask("verify")).toBe("restored");
    const [here, there] = [await start(place), await start(moved)];
    for (const other of [here, there]) {
      expect((await other.tryAcquire()).view?.holder).toMatchObject({ number: 3, pid: holder.pid, info: "mine" });
    }
    await holder.ask("release");
    expect(readClaim(claimPath(moved, 3))).toMatchObject({ state: "released" });
    for (const other of [here, there]) expect(await other.acquire()).toBe(4);
  });
});

describe("a holder whose state directory was removed", () => {
  it("is not told that the lock is lost once its claim is restored (lease pulse)", async () => {
    const place = lockPlace(temporaryDirectory(), "lease", { staleMs: 2_000 });
    const holder = await startHolder(place);
    removeState(place);
    expect(await holder.ask("verify")).toBe("restored");
    const restoredMs = newestLeaseMs(place);
    // By then a heart that still beat for what was removed would have noticed.
    await until(() => newestLeaseMs(place) > restoredMs);
    expect(await holder.ask("isLost")).toBe(false);
    expect(await holder.ask("verify")).toBe("held");
  });

  it("is told that the lock is lost when its lease is disturbed (lease pulse)", async () => {
    const place = lockPlace(temporaryDirectory(), "lease", { staleMs: 2_000 });
    const holder = await startHolder(place);
    for (const lease of leasesOf(place)) rmSync(lease, { recursive: true });
    await until(() => holder.ask("isLost"));
    expect(await holder.ask("verify")).toBe("lost");
  });
});

/** When the lease of this place's one live claim last beat. */
function newestLeaseMs(place: LockPlace): number {
  return Math.max(...leasesOf(place).map((lease) => statSync(lease).mtimeMs));
}
