import { seededRandom } from "./seeded-random.ts";

/** What may be done next, and how often it is, compared with the others. */
export type Weights<Action extends string> = Readonly<Partial<Record<Action, number>>>;

export interface Step<Action extends string> {
  readonly action: Action;
  /** How long after the step before. */
  readonly afterMs: number;
  /** Decides over everything in this step: always the same for a plan's seed and the step's place in it. */
  readonly random: () => number;
}

/** Steps without end, and nothing but their seed decides which. */
export function* plan<Action extends string>(
  seed: number,
  weights: Weights<Action>,
  everyMs: number,
): Generator<Step<Action>, never> {
  const random = seededRandom(seed);
  const actions = Object.entries(weights) as [Action, number][];
  const total = actions.reduce((sum, [, weight]) => sum + weight, 0);
  for (;;) {
    let ticket = random() * total;
    const [action] = actions.find(([, weight]) => (ticket -= weight) < 0) ?? actions[0] ?? [];
    if (action === undefined) throw new Error("Nothing may be done");
    yield { action, afterMs: random() * 2 * everyMs, random: seededRandom(Math.floor(random() * 2 ** 32)) };
  }
}

export function pick<Item>(random: () => number, items: readonly Item[]): Item | undefined {
  return items[Math.floor(random() * items.length)];
}

/** One that is there: for lists that are written down in the code. */
export function choose<Item>(random: () => number, ...items: readonly [Item, ...Item[]]): Item {
  return pick(random, items) ?? items[0];
}
