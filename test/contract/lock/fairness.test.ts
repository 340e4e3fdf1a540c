import { describe, expect, it } from "vitest";
import { useContenders } from "../../support/lock-contenders.ts";
import { LockCrowd } from "../../support/lock-crowd.ts";
import { isGranted, unfairGrants } from "../../support/lock-fairness.ts";
import { claimNumbers } from "../../support/lock-files.ts";
import { lockPlace, openLock } from "../../support/lock-place.ts";
import { hasKernelPulse } from "../../support/pulses-here.ts";
import { seed, seededRandom } from "../../support/seeded-random.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const start = useContenders();

// Who witnesses that nobody else holds it takes kernel locks, with leases too.
describe.skipIf(!hasKernelPulse).each([
  { pulse: "kernel", grants: 150 },
  { pulse: "lease", grants: 40 },
] as const)("a line of 16 whose members are killed at random, with a $pulse pulse", ({ pulse, grants }) => {
  it(
    `passes nobody, skips nobody, and grants one at a time (R2.3, R3.1, R4.6; seed ${seed})`,
    { timeout: 60_000 },
    async () => {
      // Many processes: seconds, but more on a machine that is busy.
      const place = lockPlace(temporaryDirectory(), pulse);
      const waits = await new LockCrowd(() => start(place), { size: 16, grants, random: seededRandom(seed) }).run();

      expect(unfairGrants(waits)).toEqual([]);
      const turns = waits
        .filter(isGranted)
        .map(({ turn }) => turn)
        .toSorted((a, b) => a.grantedAtMs - b.grantedAtMs);
      expect(turns.length).toBeGreaterThanOrEqual(grants);
      expect(turns.filter(({ isAlone }) => !isAlone)).toEqual([]);
      const tokens = turns.map(({ token }) => token);
      expect(tokens).toEqual([...new Set(tokens)].toSorted((a, b) => a - b));
      expect(waits.filter((wait) => wait.killedAtMs === null && !isGranted(wait))).toEqual([]);

      const { holder, waiters } = await openLock(place).look();
      expect({ holder, waiters }).toEqual({ holder: null, waiters: [] });
      // The highest stays, so that no number is used twice.
      expect(claimNumbers(place, { in: place.queue })).toHaveLength(1);
      // It was as hard as it was meant to be.
      expect(waits.filter((wait) => wait.killedAtMs !== null && isGranted(wait)).length).toBeGreaterThan(grants / 16);
      expect(waits.filter((wait) => wait.killedAtMs !== null && !isGranted(wait)).length).toBeGreaterThan(0);
    },
  );
});
