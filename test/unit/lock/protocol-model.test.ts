import { describe, expect, it } from "vitest";
import { sweep, takeNumber, type NumberedStore, type SweepOptions } from "../../../src/lock/protocol.ts";
import {
  sweepDescending,
  sweepEverything,
  withoutJudging,
  withoutLookingAgain,
  withoutLookingForItself,
  type Change,
} from "../../support/protocol-faults.ts";
import { explorations } from "../../support/explorations.ts";
import { explore, type Exploration, type Tenure } from "../../support/lock-model.ts";

type Sweep = (store: NumberedStore, options: SweepOptions) => Promise<void>;

/** With one slot there is nothing elsewhere. */
const alone: Change = (store) => ({ ...store, elsewhere: () => Promise.resolve([]) });

interface Fault {
  readonly change?: Change;
  readonly sweepAll?: Sweep;
  readonly atLeast?: number;
}

/** The code under test, over a store that may be made to leave out a step. */
function tenure({ change = alone, sweepAll = sweep, atLeast = 1 }: Fault = {}): Tenure {
  return {
    take: async (store) => {
      const taken = await takeNumber(change(alone(store)), { beside: false, atLeast });
      return "taken" in taken ? taken.taken : null;
    },
    keep: async (store, token) => {
      // Keeps as little as it can, which is the hardest for everyone else.
      await sweepAll(alone(store), { keep: 1, upTo: token });
      return null;
    },
  };
}

function contend(times: readonly number[], crashes: number, one: Tenure = tenure()): Promise<Exploration> {
  return explore({ contenders: times.map((each) => ({ tenure: one, times: each })), dead: [1], crashes });
}

/** Those behind `npm run torture -- --model` take minutes. */
const models = [
  { times: [3, 3], crashes: 2, atLeastStates: 60_000 },
  { times: [1, 1, 1], crashes: 3, atLeastStates: 5_000 },
  { times: [2, 1, 1], crashes: 1, atLeastStates: 300_000, isDeep: true },
  { times: [4, 4], crashes: 2, atLeastStates: 700_000, isDeep: true },
].filter(({ isDeep = false }) => isDeep === explorations.areDeep);

describe("taking a number, over all interleavings of its file operations", () => {
  it.each(models)(
    "never lets two hold the lock, and tokens rise: $times times, $crashes crashes",
    explorations,
    async (model) => {
      const { states, grants, violation } = await contend(model.times, model.crashes);
      expect(violation).toBeNull();
      // The exploration was as wide as it claims to be.
      expect(states).toBeGreaterThan(model.atLeastStates);
      expect(grants).toBeGreaterThan(states / 10);
    },
  );

  it("never lets a restored claim stand beside another that was taken meanwhile", async () => {
    const contenders = [
      { tenure: tenure({ atLeast: 3 }), times: 1 },
      { tenure: tenure(), times: 2 },
    ];
    const { violation, grants } = await explore({ contenders, dead: [], crashes: 1 });
    expect(violation).toBeNull();
    expect(grants).toBeGreaterThan(100);
  });
});

describe("each part of the protocol is needed: the exploration finds a violation", () => {
  it.each([
    {
      without: "looking again (step 3)",
      one: tenure({ change: withoutLookingAgain }),
      what: /two hold|token \d after/,
    },
    {
      without: "looking for one's own claim (step 4)",
      one: tenure({ change: withoutLookingForItself }),
      what: /two hold/,
    },
    { without: "judging the last claim (step 1)", one: tenure({ change: withoutJudging }), what: /two hold/ },
    { without: "sweeping in ascending order", one: tenure({ sweepAll: sweepDescending }), what: /two hold/ },
    {
      without: "sparing the highest number",
      one: tenure({ sweepAll: sweepEverything }),
      what: /token 1 after token 2|two hold/,
    },
  ])("without $without", async ({ one, what }) => {
    const { violation } = await contend([1, 3], 0, one);
    expect(violation?.what).toMatch(what);
    expect(violation?.trace.length).toBeGreaterThan(5);
  });
});
