import type { NumberedStore, SweepOptions } from "../../src/lock/protocol.ts";

/*
 * The protocol with a part taken out, to show that a model notices. Each is done to the store that the real code works on, or
 * in its place.
 */

export type Change = (store: NumberedStore) => NumberedStore;

/** Step 3. */
export const withoutLookingAgain: Change = (store) => {
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

/** Step 4. */
export const withoutLookingForItself: Change = (store) => ({ ...store, isStillMine: () => Promise.resolve(true) });

/** Step 1. */
export const withoutJudging: Change = (store) => ({ ...store, isFree: () => Promise.resolve(true) });

type SweptStore = Pick<NumberedStore, "numbers" | "remove">;

/** From the newest down, but for the highest. */
export async function sweepDescending(store: SweptStore, { removable }: Partial<SweepOptions> = {}): Promise<void> {
  const [, ...old] = (await store.numbers()).toSorted((a, b) => b - a);
  for (const number of old) if ((await removable?.(number)) !== false) await store.remove(number);
}

export async function sweepEverything(store: SweptStore, { removable }: Partial<SweepOptions> = {}): Promise<void> {
  const all = (await store.numbers()).toSorted((a, b) => a - b);
  for (const number of all) if ((await removable?.(number)) !== false) await store.remove(number);
}
