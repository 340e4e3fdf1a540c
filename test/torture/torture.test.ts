import { describe, expect, it } from "vitest";
import { pulsesHere } from "../support/pulses-here.ts";
import { seed } from "../support/seeded-random.ts";
import { tortureRound, type Phase } from "../support/torture-round.ts";

/*
 * Contenders start, run, join, wait and stop, and are killed and stopped in the middle of it, while every agent testifies
 * that it was alone. docs/proof.md tells what this shows; `npm run torture` does it for minutes.
 */

const minutes = Number(process.env["HOLDFAST_TORTURE_MINUTES"] ?? 0);
const onlyPulse = process.env["HOLDFAST_TORTURE_PULSE"];
const pulses = pulsesHere.filter((pulse) => onlyPulse === undefined || onlyPulse === pulse);

/** How long each part of a round goes on. */
const secondsOf: Record<Phase, number> =
  minutes > 0 ? { killed: 40, damaged: 12, deleted: 14 } : { killed: 9, damaged: 5, deleted: 6 };

describe.each(pulses)("sessions with a %s pulse that are tortured", (pulse) => {
  it(
    `are never two, lose nothing they have acknowledged, and end once (R1.1, R2.1, R2.3, R3.1, R3.6; seed ${seed})`,
    { timeout: 180_000 + minutes * 90_000 },
    async () => {
      const until = performance.now() + minutes * 60_000;
      const total = new Map<string, number>();
      for (let round = 0; round === 0 || performance.now() < until; round += 1) {
        for (const [phase, seconds] of Object.entries(secondsOf) as [Phase, number][]) {
          const done = await tortureRound({ phase, pulse, seed: seed + round, forMs: seconds * 1000 });
          // The seed is all that is needed to do the same again.
          console.log(`${phase}, ${pulse} pulse, seed ${seed + round}: ${done.grants} grants, ${done.kills} kills`);
          expect({ wrong: done.wrong, evidence: done.evidence }).toEqual({ wrong: [], evidence: null });
          for (const [what, count] of Object.entries({ ...done.counts, grants: done.grants, kills: done.kills })) {
            total.set(what, (total.get(what) ?? 0) + count);
          }
        }
      }
      expect(total.get("grants")).toBeGreaterThan(0);
      expect(total.get("kills")).toBeGreaterThan(0);
      if (minutes > 0) console.log(Object.fromEntries([...total].toSorted(([a], [b]) => a.localeCompare(b))));
    },
  );
});
