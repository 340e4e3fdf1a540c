import { fstatSync, readdirSync, rmSync, statSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ClaimAhead } from "../../../src/lock/claim-ahead.ts";
import { ClaimDirectory } from "../../../src/lock/claim-directory.ts";
import type { AheadOfTurn, HeldLock, Lock } from "../../../src/lock/lock.ts";
import type { Pulse } from "../../../src/lock/pulse.ts";
import { openPulses } from "../../../src/lock/pulses.ts";
import { claimPath } from "../../support/lock-files.ts";
import { lockPlace, openLock, type LockPlace } from "../../support/lock-place.ts";
import { hasKernelPulse, pulsesHere } from "../../support/pulses-here.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

afterEach(() => void vi.useRealTimers());

const session = { purpose: "session", info: null } as const;

async function take(lock: Lock): Promise<HeldLock> {
  const { held } = await lock.acquire(session);
  if (held === null) throw new Error("The lock is held");
  return held;
}

interface Waiter {
  readonly told: readonly AheadOfTurn[];
  readonly turn: Promise<HeldLock | null>;
  readonly leave: () => void;
}

function wait(lock: Lock, slots = 1): Waiter {
  const told: AheadOfTurn[] = [];
  const leaving = new AbortController();
  const turn = lock
    .acquire({ ...session, slots, wait: { info: null, signal: leaving.signal, onNext: (ahead) => told.push(ahead) } })
    .then(({ held }) => held);
  turn.catch(() => undefined);
  return { told, turn, leave: () => leaving.abort(new Error("left")) };
}

function drafts({ claims }: LockPlace): readonly string[] {
  return readdirSync(claims).filter((name) => name.startsWith(".new-"));
}

describe.skipIf(!hasKernelPulse)("the next in line", () => {
  const newPlace = (): LockPlace => lockPlace(temporaryDirectory(), "kernel");

  it("is told of the claim that it will hold the lock by, which is nothing to anybody before", async () => {
    const place = newPlace();
    const lock = openLock(place);
    const first = await take(lock);
    const { told, turn } = wait(lock);
    const ahead = await until(() => told[0]);
    expect(ahead).toMatchObject({ descriptor: expect.any(Number), isOver: false });
    const { ino } = fstatSync(ahead.descriptor ?? -1);
    expect(await lock.look()).toMatchObject({ holder: { number: 1 }, last: { number: 1 } });
    await first.release(null);
    const held = await turn;
    expect(held?.isAsAhead(ahead)).toBe(true);
    expect(held?.descriptor).toBe(ahead.descriptor);
    expect(statSync(claimPath(place, 2)).ino).toBe(ino);
    expect(drafts(place)).toEqual([]);
    await held?.release(null);
  });

  it("alone is told of it, and whoever comes after it when that one has left", async () => {
    const lock = openLock(newPlace());
    const first = await take(lock);
    const [second, third] = [wait(lock), wait(lock)];
    await until(() => second.told[0]);
    expect(third.told).toEqual([]);
    second.leave();
    await expect(second.turn).rejects.toThrow("left");
    const ahead = await until(() => third.told[0]);
    expect(second.told[0]?.isOver).toBe(true);
    await first.release(null);
    expect((await third.turn)?.isAsAhead(ahead)).toBe(true);
  });

  it("leaves no draft behind when it leaves the line", async () => {
    const place = newPlace();
    const lock = openLock(place);
    await take(lock);
    const { told, turn, leave } = wait(lock);
    await until(() => told[0]);
    expect(drafts(place)).toHaveLength(1);
    leave();
    await expect(turn).rejects.toThrow("left");
    expect(drafts(place)).toEqual([]);
  });

  it("makes nothing of a draft that is ready only when its turn has come", async () => {
    const place = newPlace();
    openLock(place);
    const { byKind } = openPulses(place.state, "kernel");
    let isDrafting = false;
    let goOn: () => void = () => undefined;
    const slow = new Promise<void>((resolve) => (goOn = resolve));
    const pulse: Pulse = {
      kind: "kernel",
      probe: (file) => byKind.kernel.probe(file),
      waitForEnd: (file, signal) => byKind.kernel.waitForEnd(file, signal),
      begin: async (...claim) => {
        isDrafting = true;
        await slow;
        return byKind.kernel.begin(...claim);
      },
    };
    const onDrafted = vi.fn();
    const ahead = new ClaimAhead({ directory: new ClaimDirectory(place.claims, "session", byKind), pulse, onDrafted });
    ahead.begin();
    await until(() => isDrafting);
    expect(ahead.use()).toBeNull();
    goOn();
    await until(() => drafts(place).length === 0);
    expect(onDrafted).not.toHaveBeenCalled();
  });

  it("is told after a moment, in which a line may have moved on already", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const lock = openLock(newPlace());
    const first = await take(lock);
    const [second, third] = [wait(lock), wait(lock)];
    await until(async () => (await lock.look()).waiters.length === 2);
    await vi.advanceTimersByTimeAsync(10);
    await first.release(null);
    const held = await second.turn;
    expect(second.told).toEqual([]);
    await until(async () => (await lock.look()).waiters.length === 1);
    await vi.advanceTimersByTimeAsync(10);
    expect(third.told).toEqual([]);
    await until(async () => {
      await vi.advanceTimersByTimeAsync(20);
      return third.told[0];
    });
    await held?.release(null);
    expect(await third.turn).not.toBeNull();
  });

  it.each([
    ["its draft was swept", ({ claims }: LockPlace, name: string) => unlinkSync(join(claims, name))],
    ["the state was deleted", ({ claims }: LockPlace) => rmSync(claims, { recursive: true })],
  ])("holds the lock by another claim when %s", async (_, spoil) => {
    const place = newPlace();
    const lock = openLock(place);
    const first = await take(lock);
    const { told, turn } = wait(lock);
    const ahead = await until(() => told[0]);
    spoil(place, drafts(place)[0] ?? "");
    expect(await first.verify()).toMatch(/held|restored/);
    await first.release(null);
    const held = await turn;
    expect(held).toMatchObject({ token: 2 });
    expect(held?.isAsAhead(ahead)).toBe(false);
    expect(ahead.isOver).toBe(true);
    expect(await held?.verify()).toBe("held");
  });
});

// With a lease it would have to be kept; of several slots it is not known which one it will be.
const unknowable = [
  ["lease", 1],
  ["kernel", 2],
] as const;

describe.each(unknowable.filter(([pulse]) => pulsesHere.includes(pulse)))(
  "the next in line of a lock with a %s pulse, slots: %i",
  (pulse, slots) => {
    it("is told of nothing", async () => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      const place = lockPlace(temporaryDirectory(), pulse);
      const lock = openLock(place);
      const holders = [];
      for (let slot = 0; slot < slots; slot += 1) holders.push((await lock.acquire({ ...session, slots })).held);
      const { told, turn } = wait(lock, slots);
      await until(async () => (await lock.look()).waiters.length === 1);
      await vi.advanceTimersByTimeAsync(1_000);
      for (const held of holders) await held?.release(null);
      await until(async () => {
        await vi.advanceTimersByTimeAsync(1_000);
        return (await lock.look()).waiters.length === 0;
      });
      expect(await turn).not.toBeNull();
      expect(told).toEqual([]);
    });
  },
);

describe("a lock that was taken", () => {
  it.each(pulsesHere)("knows what came before it, with a %s pulse", async (pulse) => {
    const lock = openLock(lockPlace(temporaryDirectory(), pulse));
    const first = await take(lock);
    expect(await first.below()).toBeNull();
    await first.release("done");
    const second = await take(lock);
    expect(await second.below()).toMatchObject({ number: 1, free: true, record: { state: "released", info: "done" } });
    await second.release(null);
  });
});
