import { describe, expect, it } from "vitest";
import { sweep, takeNumber, type NumberedStore } from "../../../src/lock/protocol.ts";
import { explore, type Exploration, type Tenure } from "../../support/lock-model.ts";

type Change = (store: NumberedStore) => NumberedStore;

interface TwoSlots {
  /** How many times each contender of a slot takes it. */
  readonly first: readonly number[];
  readonly second: readonly number[];
  readonly highest: number;
  readonly crashes?: number;
  readonly keep?: number;
  readonly atLeast?: number;
  readonly change?: Change;
}

/** The code under test at two slots, each with old files of its own to sweep. */
function contend(model: TwoSlots): Promise<Exploration> {
  const { first, second, highest, crashes = 0, keep = 3, atLeast = 1, change = (store) => store } = model;
  const tenureFrom = (lowest: number): Tenure => ({
    take: async (store) => {
      const taken = await takeNumber(change(store), { beside: false, atLeast: lowest });
      return "taken" in taken ? taken.taken : null;
    },
    keep: async (store, token) => {
      await sweep(store, { keep, upTo: token });
      return null;
    },
  });
  const contenders = [
    ...first.map((times) => ({ tenure: tenureFrom(1), times })),
    ...second.map((times) => ({ tenure: tenureFrom(atLeast), times, slot: 2 })),
  ];
  return explore({ contenders, dead: [[1], []], lastToken: 1, crashes, highest });
}

/** Answers differently while a number is published and not granted yet, or while none is. */
function changed(when: "published" | "looking", change: Partial<NumberedStore>): Change {
  return (store) => {
    let published = false;
    const applies = (): boolean => published === (when === "published");
    return {
      ...store,
      publish: async (number) => (published = await store.publish(number)),
      withdraw: async (number) => {
        published = false;
        return store.withdraw(number);
      },
      elsewhere: async () => ((applies() && change.elsewhere) || store.elsewhere)?.() ?? [],
      isFree: async (number) => ((applies() && change.isFree) || store.isFree)(number),
    };
  };
}

const nothingElsewhere: Partial<NumberedStore> = { elsewhere: async () => [] };

describe("taking numbers at two slots, over all interleavings of the file operations", () => {
  it.each<TwoSlots & { readonly atLeastStates: number }>([
    { first: [1], second: [1], crashes: 2, highest: 5, keep: 1, atLeastStates: 2_000 },
    { first: [2], second: [2], crashes: 1, highest: 5, keep: 2, atLeastStates: 30_000 },
    { first: [2], second: [2], crashes: 2, highest: 6, atLeastStates: 50_000 },
    { first: [1], second: [3], crashes: 1, highest: 6, atLeastStates: 25_000 },
    // A gap: the other slot goes on while numbers jump.
    { first: [2], second: [2], crashes: 1, highest: 7, atLeast: 4, atLeastStates: 20_000 },
  ])(
    "one holds each slot, and numbers rise over both: $first and $second times, $crashes crashes, from $atLeast",
    async (model) => {
      const { states, grants, violation } = await contend(model);
      expect(violation).toBeNull();
      expect(states).toBeGreaterThan(model.atLeastStates);
      expect(grants).toBeGreaterThan(states / 10);
    },
  );
});

describe("each part that slots need is needed: the exploration finds it missing", () => {
  it("the look at the other slot after publishing", async () => {
    const { violation } = await contend({
      first: [1],
      second: [1],
      highest: 5,
      change: changed("published", nothingElsewhere),
    });
    expect(violation?.what).toMatch(/token 2 after token 2/);
  });

  it("the other slot's numbers in the choice of the own one: without, a slot that is behind is never taken", async () => {
    const model = { first: [], second: [1], highest: 5 };
    expect((await contend(model)).grants).toBe(1);
    expect((await contend({ ...model, change: changed("looking", nothingElsewhere) })).grants).toBe(0);
  });

  it("judging the claim below once more: its number may be another's since it was judged", async () => {
    const change = changed("published", { isFree: async () => true });
    const { violation } = await contend({ first: [1, 1], second: [1], highest: 3, change });
    expect(violation?.what).toMatch(/two hold/);
  });

  it("old claims: a readdir that lasts for as many turns as files are kept may miss every number of a slot", async () => {
    const model = { first: [1], second: [2], highest: 4 };
    expect((await contend({ ...model, keep: 1 })).violation?.what).toMatch(/token 2 after token 3/);
    expect((await contend({ ...model, keep: 2 })).violation).toBeNull();
  });
});
