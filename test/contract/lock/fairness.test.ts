import { describe, expect, it } from "vitest";
import { useContenders } from "../../support/lock-contenders.ts";
import { LockCrowd, type Wait } from "../../support/lock-crowd.ts";
import { claimNumbers } from "../../support/lock-files.ts";
import type { Turn } from "../../support/lock-messages.ts";
import { lockPlace, openLock } from "../../support/lock-place.ts";
import { seed, seededRandom } from "../../support/seeded-random.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const start = useContenders();

type GrantedWait = Wait & { readonly turn: Turn };

function isGranted(wait: Wait): wait is GrantedWait {
  return wait.turn !== null;
}

/** Who holds a ticket is older than whoever drew a higher one, and than whoever asked later and got the lock without. */
function isOlder({ ticket }: Wait, than: GrantedWait): boolean {
  if (ticket === null) return false;
  const { ticket: other } = than.turn;
  return other === null ? ticket.takenAtMs < than.askedAtMs : ticket.number < other.number;
}

/** Whether it certainly lived and had not had its turn yet. */
function wasInLineAt(wait: Wait, grant: GrantedWait): boolean {
  if (wait.turn !== null && wait.turn.token < grant.turn.token) return false;
  return wait.killedAtMs === null || wait.killedAtMs > grant.turn.grantedAtMs;
}

/** Every grant that passed somebody, in words. */
function unfairGrants(waits: readonly Wait[]): string[] {
  return waits.filter(isGranted).flatMap((grant) => {
    const passed = waits.filter((wait) => wait !== grant && isOlder(wait, grant) && wasInLineAt(wait, grant));
    const { token, ticket } = grant.turn;
    return passed.map((wait) => `token ${token}, ticket ${ticket?.number}, passed ticket ${wait.ticket?.number}`);
  });
}

describe.each([
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
