import { appendFileSync, mkdirSync, rmdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import type { ClaimLock } from "../../../src/lock/claim-lock.ts";
import type { HeldLock, Lock } from "../../../src/lock/lock.ts";
import { HeldClaim } from "../../../src/lock/held-claim.ts";
import type { Beat, Pulse } from "../../../src/lock/pulse.ts";
import { openPulses, type Pulses } from "../../../src/lock/pulses.ts";
import { rejectionOf } from "../../support/failure-of.ts";
import { claimNumbers, claimPath } from "../../support/lock-files.ts";
import { forgeClaim, setAge } from "../../support/lock-forgery.ts";
import { lockPlace, openLock, type LockPlace } from "../../support/lock-place.ts";
import { hasKernelPulse, pulsesHere } from "../../support/pulses-here.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const session = { purpose: "session", info: null } as const;

async function take(lock: Lock, request: Partial<Parameters<Lock["acquire"]>[0]> = {}): Promise<HeldLock> {
  const { held } = await lock.acquire({ ...session, ...request });
  if (held === null) throw new Error("The lock is held");
  return held;
}

/** The pulses of a place, with something done around the beginning of each new one. */
function withBegin(place: LockPlace, around: (begin: () => Promise<Beat>, path: string) => Promise<Beat>): Pulses {
  const { byKind, choice } = openPulses(place.state, place.pulse);
  const real = byKind[place.pulse];
  const pulse: Pulse = {
    kind: place.pulse,
    probe: (file) => real.probe(file),
    waitForEnd: (file, signal) => real.waitForEnd(file, signal),
    begin: (path, ...rest) => around(() => real.begin(path, ...rest), path),
  };
  return { byKind: { ...byKind, [place.pulse]: pulse }, forNew: pulse, choice };
}

/** Pulses before the n-th of which something happens. */
function justBefore(place: LockPlace, nth: number, happens: () => unknown): Pulses {
  let begun = 0;
  return withBegin(place, async (begin) => {
    begun += 1;
    if (begun === nth) happens();
    return begin();
  });
}

describe.each(pulsesHere)("the lock with a %s pulse, when something is in its way", (pulse) => {
  const newPlace = (): LockPlace => lockPlace(temporaryDirectory(), pulse);

  async function expectFree(lock: ClaimLock): Promise<void> {
    expect(await lock.look()).toMatchObject({ holder: null, waiters: [] });
    await (await take(lock)).release(null);
  }

  it("is not left held when its link cannot be made", async () => {
    const place = newPlace();
    const lock = openLock(place);
    mkdirSync(place.link);
    expect(await rejectionOf(lock.acquire(session))).toMatchObject({ code: "IO" });
    expect((await lock.look()).holder).toBeNull();
    rmdirSync(place.link);
    await expectFree(lock);
  });

  it("is given back, and the next in line wakes, although the last words cannot be written (R2.4)", async () => {
    const place = newPlace();
    const lock = openLock(place);
    const held = await take(lock);
    const next = lock.acquire({ ...session, wait: { info: null } });
    const unwritable: { self?: unknown } = {};
    unwritable.self = unwritable;
    // A claim without its lease may be changing hands, for as long as it is fresh. Before it is looked at: who has seen it
    // change takes that for a beat.
    if (pulse === "lease") setAge(claimPath(place, 1), 2 * place.staleMs);
    await expect(held.release(unwritable)).rejects.toThrow(TypeError);
    expect((await next).held?.token).toBe(2);
  });

  it("is held all the same when the file that was to become its claim was swept", async () => {
    const place = newPlace();
    let begun = 0;
    const lock = openLock(
      place,
      withBegin(place, async (begin, path) => {
        const beat = await begin();
        begun += 1;
        if (begun === 1 || begun === 3) unlinkSync(path);
        return beat;
      }),
    );
    const held = await take(lock);
    expect(begun).toBe(2);
    expect(await held.verify()).toBe("held");
    // The third is a ticket.
    const next = lock.acquire({ ...session, wait: { info: null } });
    await held.release(null);
    expect((await next).held?.token).toBe(2);
    expect(begun).toBe(5);
  });

  it("is lost when its pulse breaks, but not by the pulse of a claim that vanished and was restored", async () => {
    const place = newPlace();
    const broken: AbortController[] = [];
    const lock = openLock(
      place,
      withBegin(place, async (begin) => {
        const breaking = new AbortController();
        broken.push(breaking);
        return { ...(await begin()), lost: breaking.signal };
      }),
    );
    const { lost, verify } = await take(lock).then((held) => ({ lost: held.lost, verify: () => held.verify() }));
    rmSync(place.state, { recursive: true });
    expect(await verify()).toBe("restored");
    broken[0]?.abort();
    expect(lost.aborted).toBe(false);
    expect(await verify()).toBe("held");
    broken[1]?.abort(new Error("no heart"));
    expect(lost).toMatchObject({ aborted: true, reason: new Error("no heart") });
    expect(await verify()).toBe("lost");
  });

  it("has a number above that of another slot that came to be in that moment", async () => {
    const place = newPlace();
    const lock = openLock(
      place,
      justBefore(place, 1, () => forgeClaim({ ...place, name: "session~2" }, { token: 5, state: "released" })),
    );
    const held = await take(lock);
    expect(held.token).toBe(6);
    await held.release(null);
  });

  it("is lost, and not restored under another number, when somebody came and went meanwhile", async () => {
    const place = newPlace();
    const lock = openLock(
      place,
      justBefore(place, 2, () => forgeClaim(place, { token: 2, state: "released" })),
    );
    const held = await take(lock);
    rmSync(place.claims, { recursive: true });
    expect(await held.verify()).toBe("lost");
    expect(claimNumbers(place)).toEqual([2]);
  });

  it("is held all the same when old claims cannot be removed", async () => {
    const place = newPlace();
    const lock = openLock(place);
    mkdirSync(claimPath(place, 1));
    for (let token = 2; token <= 20; token += 1) forgeClaim(place, { token });
    expect((await take(lock)).token).toBe(21);
    // Nothing above what stays may go: the order is what makes sweeping safe.
    expect(claimNumbers(place)).toHaveLength(21);
  });

  it("does all that it owes although a part of that fails, and says so when it is given back", async () => {
    const lock = openLock(newPlace());
    const held = await take(lock);
    if (!(held instanceof HeldClaim)) throw new TypeError("It is another kind of lock");
    const done: string[] = [];
    held.soon(() => Promise.reject(new Error("the first")));
    held.soon(async () => void done.push("the second"));
    await expect(held.release(null)).rejects.toThrow("the first");
    await expectFree(lock);
    expect(done).toEqual(["the second"]);
  });

  it("is readable after a line that was torn by a full disk", async () => {
    const place = newPlace();
    const lock = openLock(place);
    const held = await take(lock);
    appendFileSync(claimPath(place, 1), `{"schema_version":1,"lock":"ses`);
    held.update("after it");
    expect((await lock.look()).holder?.record.info).toBe("after it");
    await held.release(null);
    await expectFree(lock);
  });

  it("is restored once, though looked after twice at the same time, and released after that", async () => {
    const place = newPlace();
    const lock = openLock(place);
    const held = await take(lock);
    rmSync(place.state, { recursive: true });
    expect(await Promise.all([held.verify(), held.verify()])).toEqual(["restored", "restored"]);
    rmSync(place.state, { recursive: true });
    const verified = held.verify();
    await held.release("the end");
    expect(await verified).toBe("restored");
    expect(await lock.look()).toMatchObject({ holder: null, last: { record: { state: "released", info: "the end" } } });
  });
});

// Of a claim that cannot be read, only a kernel lock tells that it is held.
describe.skipIf(!hasKernelPulse)("the lock, when its last claim is damaged", () => {
  const newPlace = (): LockPlace => lockPlace(temporaryDirectory(), "kernel");

  const damages: Record<string, (path: string) => void> = {
    garbage: (path) => writeFileSync(path, "garbage\n"),
    nothing: (path) => writeFileSync(path, ""),
    "a directory": (path) => mkdirSync(path),
    "a symbolic link": (path) => symlinkSync("/etc/passwd", path),
    "a pipe": (path) => execFileSync("sh", ["-c", `mkfifo "$0"`, path]),
  };

  it.each(Object.keys(damages))("is refused, and taken over if that is asked for: %s", async (name) => {
    const place = newPlace();
    const lock = openLock(place);
    damages[name]?.(claimPath(place, 1));
    expect((await rejectionOf(lock.acquire(session))).code).toBe("DATA");
    expect((await rejectionOf(lock.look())).code).toBe("DATA");
    expect((await take(lock, { despiteDamage: true })).token).toBe(2);
    expect(await lock.below(2)).toBeNull();
  });

  it("is not taken over from one who holds it, nor from a newer holdfast, though that is asked for", async () => {
    const place = newPlace();
    const lock = openLock(place);
    await take(lock);
    writeFileSync(claimPath(place, 1), "garbage\n");
    expect((await rejectionOf(lock.acquire({ ...session, despiteDamage: true }))).code).toBe("DATA");
    writeFileSync(claimPath(place, 2), `${JSON.stringify({ schema_version: 2 })}\n`);
    expect((await rejectionOf(lock.acquire({ ...session, despiteDamage: true }))).code).toBe("DATA");
  });

  it("is refused when there is no number above it to count on to", async () => {
    const place = newPlace();
    const lock = openLock(place);
    const path = forgeClaim(place, { token: Number.MAX_SAFE_INTEGER });
    const failure = await rejectionOf(lock.acquire(session));
    expect(failure).toMatchObject({ code: "DATA", facts: { path } });
    unlinkSync(path);
    expect((await take(lock)).token).toBe(1);
  });

  it("tells what came before a number, alive or not", async () => {
    const place = newPlace();
    const lock = openLock(place);
    expect(await lock.below(1)).toBeNull();
    forgeClaim(place, { token: 3, info: "lost" });
    const { token } = await take(lock);
    expect(await lock.below(token)).toMatchObject({ number: 3, free: true, record: { info: "lost" } });
    expect(await lock.below(3)).toBeNull();
  });
});
