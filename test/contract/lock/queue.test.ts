import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { useContenders, type Contender } from "../../support/lock-contenders.ts";
import { claimNumbers, isWaitedFor } from "../../support/lock-files.ts";
import { setAge } from "../../support/lock-forgery.ts";
import { lockPlace, type LockPlace } from "../../support/lock-place.ts";
import { pulsesHere } from "../../support/pulses-here.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

const start = useContenders();

interface Waiter {
  readonly contender: Contender;
  readonly granted: Promise<number>;
}

async function startWaiter(place: LockPlace): Promise<Waiter> {
  const contender = await start(place);
  const { granted } = await contender.getInLine({ info: contender.pid });
  // A waiter that is killed answers nothing.
  granted.catch(() => undefined);
  return { contender, granted };
}

/** A holder, and waiters in the order in which they came. */
async function startLine(place: LockPlace, count: number): Promise<{ holder: Contender; line: Waiter[] }> {
  const holder = await start(place);
  await holder.acquire();
  const line: Waiter[] = [];
  for (let index = 0; index < count; index += 1) line.push(await startWaiter(place));
  return { holder, line };
}

const ends = {
  released: (contender: Contender) => contender.ask("release"),
  killed: (contender: Contender) => contender.signal("SIGKILL"),
};

/** Resolves when somebody waits in the kernel; with leases nobody does. */
async function untilBlocked(place: LockPlace): Promise<void> {
  const files = [place.claims, place.queue].flatMap((directory) =>
    readdirSync(directory).map((name) => join(directory, name)),
  );
  if (place.pulse === "kernel") await until(() => isWaitedFor(files));
}

describe.each(pulsesHere)("the queue with a %s pulse", (pulse) => {
  const newPlace = (): LockPlace => lockPlace(temporaryDirectory(), pulse);

  it.each(["released", "killed"] as const)(
    "wakes the next when the holder has %s the lock or was (R4.6)",
    async (end) => {
      const { holder, line } = await startLine(newPlace(), 1);
      await ends[end](holder);
      expect(await line[0]?.granted).toBe(2);
    },
  );

  it.each(["released", "killed"] as const)(
    "is first come, first served, when each holder is %s (R4.6)",
    async (end) => {
      const place = newPlace();
      const { holder, line } = await startLine(place, 4);
      const pids = line.map(({ contender }) => contender.pid);
      let last = holder;
      for (const [index, { contender, granted }] of line.entries()) {
        expect((await contender.ask("look")).waiters.map(({ pid }) => pid)).toEqual(pids.slice(index));
        await ends[end](last);
        expect(await granted).toBe(index + 2);
        const { holder: now, waiters } = await contender.ask("look");
        expect(now?.pid).toBe(contender.pid);
        expect(waiters.map(({ info }) => info)).toEqual(pids.slice(index + 1));
        last = contender;
      }
    },
  );

  it("tells a waiter its place and who holds the lock, and again when the line moves", async () => {
    const place = newPlace();
    const { holder, line } = await startLine(place, 1);
    const second = await start(place);
    void second.ask("acquire", { wait: true }).catch(() => undefined);
    expect(await second.nextWaiting()).toMatchObject({ position: 2, holder: { pid: holder.pid, number: 1 } });
    await holder.ask("release");
    await line[0]?.granted;
    const moved = await second.nextWaiting();
    expect(moved).toMatchObject({ position: 1, holder: { pid: line[0]?.contender.pid, number: 2 } });
  });

  it("is not held up by a waiter that was killed in the middle (R2.6)", async () => {
    const place = newPlace();
    const { holder, line } = await startLine(place, 3);
    const [first, middle, last] = line as [Waiter, Waiter, Waiter];
    await middle.contender.signal("SIGKILL");
    // The one behind it has moved up before anything else happens.
    expect(await last.contender.nextWaiting()).toMatchObject({ position: 2 });
    await holder.ask("release");
    expect(await first.granted).toBe(2);
    await first.contender.ask("release");
    expect(await last.granted).toBe(3);
  });

  it("is not held up by a first waiter that was killed, nor by all that were (R2.6)", async () => {
    const { holder, line } = await startLine(newPlace(), 3);
    await Promise.all(line.slice(0, 2).map(({ contender }) => contender.signal("SIGKILL")));
    await holder.signal("SIGKILL");
    expect(await line[2]?.granted).toBe(2);
  });

  it("is respected by those who do not wait: a free lock is refused while anyone is in line", async () => {
    const place = newPlace();
    const { holder, line } = await startLine(place, 1);
    const [waiter] = line as [Waiter];
    await waiter.contender.signal("SIGSTOP");
    await holder.ask("release");
    const other = await start(place);
    const refused = await other.tryAcquire();
    expect(refused.view).toMatchObject({ holder: null, waiters: [{ pid: waiter.contender.pid }] });
    await waiter.contender.signal("SIGCONT");
    expect(await waiter.granted).toBe(2);
    await waiter.contender.ask("release");
    expect(await other.acquire()).toBe(3);
  });

  it("is passed by maintenance, which gives the lock back in a moment", async () => {
    const place = newPlace();
    const { holder, line } = await startLine(place, 1);
    const [waiter] = line as [Waiter];
    await waiter.contender.signal("SIGSTOP");
    await holder.ask("release");
    await holder.acquire({ purpose: "maintenance", passQueue: true });
    await waiter.contender.signal("SIGCONT");
    await holder.ask("release");
    expect(await waiter.granted).toBe(3);
  });

  it("has no place any more for a waiter that gave up", async () => {
    const place = newPlace();
    const { holder, line } = await startLine(place, 2);
    const [first, second] = line as [Waiter, Waiter];
    await first.contender.ask("abort");
    await expect(first.granted).rejects.toMatchObject({ name: "AbortError" });
    expect((await holder.ask("look")).waiters).toMatchObject([{ pid: second.contender.pid }]);
    await second.contender.ask("abort");
    await expect(second.granted).rejects.toMatchObject({ name: "AbortError" });
    expect((await holder.ask("look")).waiters).toEqual([]);
    await holder.ask("release");
    expect(await holder.acquire()).toBe(2);
    // The highest stays, so that no number is used twice.
    expect(claimNumbers(place, { in: place.queue, only: true })).toEqual([2]);
  });

  it("keeps the place of a waiter through signals that the waiter handles", async () => {
    const { holder, line } = await startLine(newPlace(), 1);
    const [waiter] = line as [Waiter];
    for (const signal of ["SIGUSR2", "SIGSTOP", "SIGCONT", "SIGUSR2"] as const) await waiter.contender.signal(signal);
    expect((await waiter.contender.ask("look")).waiters).toMatchObject([{ pid: waiter.contender.pid }]);
    await holder.ask("release");
    expect(await waiter.granted).toBe(2);
  });

  it("never has two wait for each other, at whichever step of getting in line one is delayed", async () => {
    const place = newPlace();
    const [holder, slow, quick] = [await start(place), await start(place), await start(place)];
    for (let step = 1, last = false; !last; step += 1) {
      await holder.acquire();
      const slowly = slow.ask("acquire", { wait: true, pauseBefore: step });
      last = (await slow.nextUnasked()).event === "waiting";
      const quickly = quick.ask("acquire", { wait: true });
      await quick.nextWaiting();
      await untilBlocked(place);
      slow.goOn();
      await holder.ask("release");
      const first = await Promise.race([slowly.then(() => slow), quickly.then(() => quick)]);
      await first.ask("release");
      await Promise.all([slowly, quickly]);
      await (first === slow ? quick : slow).ask("release");
      expect((await holder.ask("look")).waiters).toEqual([]);
    }
  });

  it("keeps its numbers low, and its directory small, over many who come and go", async () => {
    const place = newPlace();
    const { holder, line } = await startLine(place, 3);
    for (const { contender, granted } of line) {
      await holder.ask("release").catch(() => undefined);
      await granted;
      await contender.ask("release");
    }
    expect(claimNumbers(place, { in: place.queue, only: true })).toEqual([3]);
  });

  // Only the directory of the claims was ever swept of them.
  it("is swept of what waiters left that were killed while they got in line (R2.6)", async () => {
    const place = newPlace();
    await startLine(place, 1);
    const left = join(place.queue, ".new-session-1-left");
    writeFileSync(left, "");
    setAge(left, 120_000);
    await startWaiter(place);
    await until(() => !existsSync(left), { what: "the leftover is swept" });
    expect(claimNumbers(place, { in: place.queue })).toEqual([1, 2]);
  });
});
