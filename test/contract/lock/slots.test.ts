import { describe, expect, it } from "vitest";
import { useContenders, type Contender } from "../../support/lock-contenders.ts";
import { LockCrowd } from "../../support/lock-crowd.ts";
import { isGranted, unfairGrants } from "../../support/lock-fairness.ts";
import { claimNumbers } from "../../support/lock-files.ts";
import { lockPlace, openLock, type LockPlace } from "../../support/lock-place.ts";
import { hasKernelPulse } from "../../support/pulses-here.ts";
import { seed, seededRandom } from "../../support/seeded-random.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const start = useContenders();
const slots = 3;

function startAll(place: LockPlace, count: number): Promise<Contender[]> {
  return Promise.all(Array.from({ length: count }, () => start(place)));
}

// Who witnesses that nobody else holds it takes kernel locks, with leases too.
describe.skipIf(!hasKernelPulse).each([
  { pulse: "kernel", grants: 90 },
  { pulse: "lease", grants: 40 },
] as const)("a lock with 3 slots and a $pulse pulse", ({ pulse, grants }) => {
  it(
    `is never held by more, passes nobody, and its tokens rise, whoever is killed (R2.3, R4.6; seed ${seed})`,
    { timeout: 60_000 },
    async () => {
      const place = lockPlace(temporaryDirectory(), pulse, { slots });
      const waits = await new LockCrowd(() => start(place), { size: 8, grants, random: seededRandom(seed) }).run();

      expect(unfairGrants(waits)).toEqual([]);
      const turns = waits.filter(isGranted).map(({ turn }) => turn);
      expect(turns.length).toBeGreaterThanOrEqual(grants);
      expect(turns.filter(({ isAlone }) => !isAlone)).toEqual([]);
      const tokens = turns.map(({ token }) => token);
      expect(new Set(tokens).size).toBe(tokens.length);
      // Of two slots that are taken at once, either may be told first.
      const isLate = (one: (typeof turns)[number]) =>
        turns.some((other) => other.grantedAtMs < one.publishedAtMs && other.token > one.token);
      expect(turns.filter(isLate)).toEqual([]);
      expect(waits.filter((wait) => wait.killedAtMs === null && !isGranted(wait))).toEqual([]);

      const lock = openLock(place);
      const views = await Promise.all([1, 2, 3].map((slot) => lock.at(slot).look()));
      for (const { holder, waiters } of views) expect({ holder, waiters }).toEqual({ holder: null, waiters: [] });
      expect(claimNumbers(place, { in: place.queue })).toHaveLength(1);
      expect(lock.slotsInUse()).toEqual([1, 2, 3]);
      // It was as hard as it was meant to be.
      expect(waits.filter((wait) => wait.killedAtMs !== null && isGranted(wait)).length).toBeGreaterThan(grants / 16);
    },
  );

  it("lets one take a slot at a time: one that stands still in the middle of it keeps the others out, until it dies", async () => {
    const place = lockPlace(temporaryDirectory(), pulse, { slots });
    const [first, second, third] = [await start(place), await start(place), await start(place)];
    // Just before its claim would be published; what it published before is that it takes a slot.
    await first.ask("pauseBefore", { step: 2, kind: "linkSync" });
    const taking = first.ask("takeTurn");
    expect(await first.nextUnasked()).toMatchObject({ event: "pausing" });
    const granted = second.acquire();
    for (let looks = 0; looks < 10; looks += 1) expect((await third.ask("look")).holder).toBeNull();
    first.goOn();
    expect([(await taking).token, await granted]).toEqual([1, 2]);

    await first.ask("release");
    await first.ask("pauseBefore", { step: 2, kind: "linkSync" });
    void first.ask("takeTurn").catch(() => undefined);
    expect(await first.nextUnasked()).toMatchObject({ event: "pausing" });
    await first.signal("SIGKILL");
    expect(await third.acquire()).toBe(3);
  });

  it("leaves no slot idle while somebody waits, whichever comes free, and however (R2.3)", async () => {
    const place = lockPlace(temporaryDirectory(), pulse, { slots });
    const contenders = await startAll(place, 6);
    const holders = contenders.slice(0, 3);
    const waiters = contenders.slice(3);
    for (const [index, holder] of holders.entries()) expect(await holder.acquire()).toBe(index + 1);
    const lines = [];
    for (const waiter of waiters) lines.push(await waiter.getInLine());
    await holders[2]?.signal("SIGKILL");
    expect(await lines[0]?.granted).toBe(4);
    await holders[1]?.ask("release");
    await holders[0]?.signal("SIGKILL");
    expect(await Promise.all([lines[1]?.granted, lines[2]?.granted])).toEqual([5, 6]);
    expect((await (await start(place)).tryAcquire()).held).toBeNull();
  });

  it("is never held by one that goes by 1 slot and another that goes by 3, though they come at once", async () => {
    const state = temporaryDirectory();
    const one = await startAll(lockPlace(state, pulse), 2);
    const many = await startAll(lockPlace(state, pulse, { slots }), 2);
    let [onesHeld, manyHeld] = [0, 0];
    for (let round = 0; round < 40; round += 1) {
      const ask = (contender: Contender) =>
        contender.tryAcquire().then(
          ({ held }) => (held === null ? [] : [contender]),
          (error: unknown) => {
            expect(error).toMatchObject({ code: "USAGE" });
            return [];
          },
        );
      // Who is asked first changes.
      const asked = round % 2 === 0 ? [...one, ...many] : [...many, ...one];
      const held = (await Promise.all(asked.map(ask))).flat();
      const ones = held.filter((contender) => one.includes(contender)).length;
      expect(ones).toBeLessThanOrEqual(1);
      expect(ones > 0 && held.length > ones).toBe(false);
      onesHeld += ones;
      manyHeld += held.length - ones;
      await Promise.all(held.map((contender) => contender.ask("release")));
    }
    // Both were tried.
    expect(onesHeld).toBeGreaterThan(0);
    expect(manyHeld).toBeGreaterThan(0);
  });
});
