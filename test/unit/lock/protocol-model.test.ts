import { describe, expect, it } from "vitest";
import { sweep, takeNumber, type NumberedStore } from "../../../src/lock/protocol.ts";
import { explore, type Exploration, type Tenure } from "../../support/lock-model.ts";

type Change = (store: NumberedStore) => NumberedStore;
type Sweep = (store: NumberedStore, token: number) => Promise<void>;

/** With one slot there is nothing elsewhere. */
const alone: Change = (store) => ({ ...store, elsewhere: () => Promise.resolve([]) });
/** The real one, keeping as little as it can, which is the hardest for everyone else. */
const ascending: Sweep = (store, token) => sweep(store, { keep: 1, upTo: token });

/** The code under test, over a store that may be made to leave out a step. */
function tenure({ change = alone, sweepAll = ascending, atLeast = 1 } = {}): Tenure {
  return {
    take: async (store) => {
      const taken = await takeNumber(change(alone(store)), { beside: false, atLeast });
      return "taken" in taken ? taken.taken : null;
    },
    keep: async (store, token) => {
      await sweepAll(alone(store), token);
      return null;
    },
  };
}

function contend(times: readonly number[], crashes: number, one: Tenure = tenure()): Promise<Exploration> {
  return explore({ contenders: times.map((each) => ({ tenure: one, times: each })), dead: [1], crashes });
}

const withoutLookingAgain: Change = (store) => {
  let published = false;
  return {
    ...store,
    publish: async (number) => (published = await store.publish(number)),
    numbers: async () => {
      const [none] = [published ? [] : null];
      published = false;
      return none ?? store.numbers();
    },
  };
};

const withoutLookingForItself: Change = (store) => ({ ...store, isStillMine: () => Promise.resolve(true) });

const withoutJudging: Change = (store) => ({ ...store, isFree: () => Promise.resolve(true) });

const descending: Sweep = async (store) => {
  const [, ...old] = (await store.numbers()).toSorted((a, b) => b - a);
  for (const number of old) await store.remove(number);
};

const everything: Sweep = async (store) => {
  for (const number of (await store.numbers()).toSorted((a, b) => a - b)) await store.remove(number);
};

describe("taking a number, over all interleavings of its file operations", () => {
  it.each([
    { times: [3, 3], crashes: 2, atLeastStates: 50_000 },
    { times: [1, 1, 1], crashes: 3, atLeastStates: 5_000 },
    { times: [2, 1, 1], crashes: 1, atLeastStates: 200_000 },
  ])("never lets two hold the lock, and tokens rise: $times times, $crashes crashes", async (model) => {
    const { states, grants, violation } = await contend(model.times, model.crashes);
    expect(violation).toBeNull();
    // The exploration was as wide as it claims to be.
    expect(states).toBeGreaterThan(model.atLeastStates);
    expect(grants).toBeGreaterThan(states / 10);
  });

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
    { without: "looking again (step 3)", one: tenure({ change: withoutLookingAgain }), what: /two hold/ },
    {
      without: "looking for one's own claim (step 4)",
      one: tenure({ change: withoutLookingForItself }),
      what: /two hold/,
    },
    { without: "judging the last claim (step 1)", one: tenure({ change: withoutJudging }), what: /two hold/ },
    { without: "sweeping in ascending order", one: tenure({ sweepAll: descending }), what: /two hold/ },
    {
      without: "sparing the highest number",
      one: tenure({ sweepAll: everything }),
      what: /token 1 after token 2|two hold/,
    },
  ])("without $without", async ({ one, what }) => {
    const { violation } = await contend([1, 3], 0, one);
    expect(violation?.what).toMatch(what);
    expect(violation?.trace.length).toBeGreaterThan(5);
  });
});
