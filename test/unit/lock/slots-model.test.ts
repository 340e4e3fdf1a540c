import { describe, expect, it } from "vitest";
import { sweep, takeNumber, type NumberedStore } from "../../../src/lock/protocol.ts";
import { explore, type Exploration, type Tenure } from "../../support/lock-model.ts";

type Change = (store: NumberedStore) => NumberedStore;

const asItIs: Change = (store) => store;

/** The code under test at one of several slots, over a store that may be made to leave out a step. */
function tenure(change: Change = asItIs): Tenure {
  return {
    take: async (store) => {
      const taken = await takeNumber(change(store), { beside: false });
      return "taken" in taken ? taken.taken : null;
    },
    keep: async (store, token) => {
      // Keeps as little as it can, which is the hardest for everyone else.
      await sweep(change(store), { keep: 1, upTo: token });
      return null;
    },
  };
}

/** As a holder does whose claim vanished: under its own number or not at all, whatever the other slots got meanwhile. */
function restoring(token: number): Tenure {
  const take: Tenure["take"] = async (store) => {
    const elsewhere = async () => ((await store.elsewhere?.()) ?? []).filter((other) => other === token);
    const taken = await takeNumber({ ...store, elsewhere }, { beside: false, atLeast: token });
    if (!("taken" in taken)) return null;
    if (taken.taken === token) return token;
    await store.withdraw(taken.taken);
    return null;
  };
  return { ...tenure(), take };
}

interface Crowd {
  /** Of each contender: its slot, and how many times it takes it. */
  readonly each: readonly (readonly [slot: number, times: number])[];
  readonly crashes: number;
  /** False to let everybody take a slot at once; what would go on above a number is cut off then. */
  readonly gated?: boolean;
  readonly highest?: number;
}

function contend({ each, crashes, gated = true, highest = 8 }: Crowd, one: Tenure = tenure()): Promise<Exploration> {
  const contenders = each.map(([slot, times]) => ({ tenure: one, slot, times }));
  return explore({ contenders, dead: [{ slot: 1, number: 1 }], crashes, highest, gated });
}

/** Nothing is seen of the other slots in these calls, counted in each try. */
function blind(isBlind: (published: boolean) => boolean): Change {
  return (store) => {
    let published = false;
    return {
      ...store,
      publish: async (number) => (published = await store.publish(number)),
      elsewhere: async () => {
        const seen = isBlind(published) ? [] : ((await store.elsewhere?.()) ?? []);
        published = false;
        return seen;
      },
    };
  };
}

/** What is below one's own number is not judged any more when that is published. */
function judgesOnce(store: NumberedStore): NumberedStore {
  let published = false;
  return {
    ...store,
    publish: async (number) => (published = await store.publish(number)),
    isFree: async (number) => published || store.isFree(number),
    withdraw: async (number) => {
      published = false;
      await store.withdraw(number);
    },
  };
}

describe("taking a number at one of two slots, one at a time, over all interleavings of file operations", () => {
  it.each<Crowd & { readonly atLeastStates: number }>([
    { each: [[1, 3], [2, 3]], crashes: 2, atLeastStates: 3_700 }, // prettier-ignore
    { each: [[1, 2], [1, 2], [2, 2]], crashes: 2, atLeastStates: 17_000 }, // prettier-ignore
    { each: [[1, 2], [1, 1], [2, 2], [2, 1]], crashes: 1, atLeastStates: 28_000 }, // prettier-ignore
  ])(
    "never lets two hold one, nor gives a token twice, and later ones are higher: $each, $crashes crashes",
    async (crowd) => {
      const { states, grants, violation } = await contend(crowd);
      expect(violation).toBeNull();
      // The exploration was as wide as it claims to be.
      expect(states).toBeGreaterThan(crowd.atLeastStates);
      expect(grants).toBeGreaterThan(states / 30);
    },
  );

  it("lets the holders of both restore their claims, and neither beside another that was taken meanwhile", async () => {
    const contenders = [
      { tenure: restoring(3), slot: 1, times: 1, restores: true },
      { tenure: restoring(4), slot: 2, times: 1, restores: true },
      { tenure: tenure(), slot: 2, times: 1 },
    ];
    const { violation, grants } = await explore({ contenders, dead: [], crashes: 1, highest: 8, gated: true });
    expect(violation).toBeNull();
    expect(grants).toBeGreaterThan(50);
  });
});

it("finds a number above those of the other slots (step 2), which is needed", async () => {
  const alone = (one: Tenure) =>
    explore({
      contenders: [{ tenure: one, slot: 1, times: 1 }, { tenure: one, slot: 2, times: 0 }], // prettier-ignore
      dead: [{ slot: 1, number: 1 }, { slot: 2, number: 5 }], // prettier-ignore
      crashes: 0,
    });
  expect(await alone(tenure())).toMatchObject({ grants: 1, violation: null });
  // It withdraws for ever.
  expect(await alone(tenure(blind((published) => !published)))).toMatchObject({ grants: 0 });
});

describe("each part of it is needed: the exploration finds a violation", () => {
  it.each([
    { without: "looking at the other slots again (step 3)", change: blind((published) => published) },
    { without: "taking turns, because readdir may miss what another slot has", change: asItIs },
  ])("of the tokens without $without", async ({ change }) => {
    const { violation } = await contend({ each: [[1, 1], [2, 3]], crashes: 0, gated: false }, tenure(change)); // prettier-ignore
    expect(violation?.what).toMatch(/token \d (twice|after token \d)/);
  });

  it("two hold a slot without taking turns, and without judging again: one comes back under a number that was withdrawn", async () => {
    const everybody: Crowd = { each: [[1, 1], [1, 1], [2, 1]], crashes: 0, gated: false, highest: 3 }; // prettier-ignore
    expect((await contend(everybody, tenure(judgesOnce))).violation?.what).toMatch(/two hold/);

    // Either helps; the second is for one who sleeps in its turn until that is taken for over (a lease).
    expect((await contend(everybody)).violation?.what ?? "none").not.toMatch(/two hold/);
    expect((await contend({ ...everybody, gated: true }, tenure(judgesOnce))).violation).toBeNull();
  });
});
