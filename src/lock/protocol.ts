/**
 * The claim protocol, as steps over a store of numbered files. It is written against these few operations so that it
 * can be explored over every interleaving; `claim-lock.ts` has the store on a real file system.
 */
export interface NumberedStore {
  /** The numbers that exist, in no order. Entries that come or go meanwhile may or may not be among them. */
  numbers(): Promise<readonly number[]>;
  /** Those of the other slots of the same lock, when it has any: no number is given twice, and later ones are higher. */
  elsewhere?(): Promise<readonly number[]>;
  /** Whether the owner of this number has given it up or is dead; true as well when the file is gone. */
  isFree(number: number): Promise<boolean>;
  /** Publishes this contender's file, complete and with its pulse, under the number; false when that exists. */
  publish(number: number): Promise<boolean>;
  /** Whether the number still names this contender's own file. */
  isStillMine(number: number): Promise<boolean>;
  /** Takes this contender's own file back. */
  withdraw(number: number): Promise<void>;
  remove(number: number): Promise<void>;
}

export type Taken = { readonly taken: number } | { readonly heldBy: number };

export interface TakeOptions {
  /** True to take a number beside live owners (a ticket in the queue), false to take the lock. */
  readonly beside: boolean;
  /** The lowest number to take, for a holder that restores a claim it lost. */
  readonly atLeast?: number;
}

/**
 * Takes the next number. At most one contender at a time gets one while no earlier owner is alive, and numbers only rise:
 * 1. look at the highest number; if its owner lives, it is held;
 * 2. publish as the next number: `link(2)` succeeds for exactly one contender;
 * 3. look again: if there is a higher number, withdraw and start over;
 * 4. if one's own file is not linked any more, start over.
 * With several slots, "next" and "higher" are said of all of them, "alive" of this one. Numbers jump then, which step 1
 * does not allow for: one contender at a time may take a number there, or sweep (`claim-lock.ts` sees to it).
 *
 * Steps 3 and 4 are for a contender that slept after step 1 while others came, went and were swept: `readdir` may miss
 * entries that come and go, but whoever removed them in ascending order removed this contender's file first.
 */
export async function takeNumber(store: NumberedStore, options: TakeOptions): Promise<Taken> {
  for (;;) {
    const highest = highestOf(await store.numbers());
    if (!options.beside && highest > 0 && !(await store.isFree(highest))) return { heldBy: highest };
    const mine = Math.max(highest + 1, options.atLeast ?? 1, (await highestElsewhere(store)) + 1);
    if (!(await store.publish(mine))) continue;
    const numbers = await store.numbers();
    if (highestOf(numbers) > mine || (await highestElsewhere(store)) >= mine) {
      await store.withdraw(mine);
      continue;
    }
    // A number that is not the very next leaves a gap, in which others may have published since step 1; they look again too,
    // and see this one. With several slots even the highest of step 1 may be another's by now: who makes way for another
    // slot withdraws, and may get the same number again.
    const between = highestOf(numbers.filter((number) => number < mine));
    const mayBeNew = between > highest || store.elsewhere !== undefined;
    if (!options.beside && mayBeNew && between > 0 && !(await store.isFree(between))) {
      await store.withdraw(mine);
      return { heldBy: between };
    }
    if (await store.isStillMine(mine)) return { taken: mine };
  }
}

async function highestElsewhere(store: NumberedStore): Promise<number> {
  return store.elsewhere === undefined ? 0 : highestOf(await store.elsewhere());
}

export interface SweepOptions {
  /** How many of the newest to leave; at least one, so that no number is ever used twice. */
  readonly keep: number;
  /** The sweeper's own number: what is above it is none of its business. */
  readonly upTo?: number;
  /** Tickets of live waiters stay; of claims everything old may go. */
  readonly removable?: (number: number) => Promise<boolean>;
}

/** Removes old files: in ascending order and never the highest. */
export async function sweep(
  store: Pick<NumberedStore, "numbers" | "remove">,
  { keep, upTo = Infinity, removable }: SweepOptions,
): Promise<void> {
  const ascending = (await store.numbers()).filter((number) => number <= upTo).toSorted((a, b) => a - b);
  for (const number of ascending.slice(0, -Math.max(keep, 1))) {
    if (removable === undefined || (await removable(number))) await store.remove(number);
  }
}

/** 0 when there are none. */
export function highestOf(numbers: readonly number[]): number {
  return numbers.reduce((highest, number) => Math.max(highest, number), 0);
}
