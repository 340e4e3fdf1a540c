import { describe, expect, it } from "vitest";
import { useContenders } from "../../support/lock-contenders.ts";
import { LockCrowd } from "../../support/lock-crowd.ts";
import { lockPlace, openLock } from "../../support/lock-place.ts";
import { seed, seededRandom } from "../../support/seeded-random.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const start = useContenders();
const slots = 3;

describe.each([
  { pulse: "kernel", grants: 60 },
  { pulse: "lease", grants: 30 },
] as const)("eight at three slots, killed at random, with a $pulse pulse", ({ pulse, grants }) => {
  it(
    `never are more than three, and tokens rise by the ticket and the claim (R4.6; seed ${seed})`,
    {
      timeout: 60_000,
    },
    async () => {
      const place = lockPlace(temporaryDirectory(), pulse);
      const crowd = new LockCrowd(() => start(place), { size: 8, slots, grants, random: seededRandom(seed) });
      const waits = await crowd.run();
      const turns = waits.flatMap(({ turn }) => turn ?? []);
      expect(turns.length).toBeGreaterThanOrEqual(grants);
      expect(turns.filter(({ isAlone }) => !isAlone)).toEqual([]);
      expect(new Set(turns.map(({ token }) => token)).size).toBe(turns.length);
      for (const [index, one] of turns.entries()) {
        for (const other of turns.slice(index + 1)) {
          const [first, second] = one.token < other.token ? [one, other] : [other, one];
          expect(first.claimedBetweenMs[0], `token ${first.token} before ${second.token}`).toBeLessThan(
            second.claimedBetweenMs[1],
          );
          // Who has a lower ticket is older in line.
          if (first.ticket !== null && second.ticket !== null) {
            expect(first.ticket.number, `token ${first.token} passed ${second.token}`).toBeLessThan(
              second.ticket.number,
            );
          }
        }
      }
      expect(waits.filter(({ killedAtMs, turn }) => killedAtMs === null && turn === null)).toEqual([]);
      expect((await openLock(place).look()).waiters).toEqual([]);
      expect(waits.some(({ killedAtMs }) => killedAtMs !== null)).toBe(true);
    },
  );
});

describe("those who go by different numbers of slots", () => {
  it("never hold the lock at the same time, though they come at the same moment", async () => {
    const place = lockPlace(temporaryDirectory(), "kernel");
    const orders = [1, 3, 1, 3];
    const contenders = await Promise.all(orders.map(() => start(place)));
    let granted = 0;
    for (let round = 0; round < 60; round += 1) {
      const answers = await Promise.allSettled(
        contenders.map((contender, index) => contender.tryAcquire({ slots: orders[index] ?? 1 })),
      );
      const holders = answers.flatMap((answer, index) =>
        answer.status === "fulfilled" && answer.value.held !== null ? [index] : [],
      );
      expect(new Set(holders.map((index) => orders[index])).size, `round ${round}`).toBeLessThan(2);
      for (const answer of answers)
        if (answer.status === "rejected") expect(answer.reason).toMatchObject({ code: "USAGE" });
      granted += holders.length;
      await Promise.all(
        contenders.filter((_, index) => holders.includes(index)).map((holder) => holder.ask("release")),
      );
    }
    expect(granted).toBeGreaterThan(0);
  });
});
