import type { NumberedStore } from "../../src/lock/protocol.ts";

/** Code under test that talks to a store and ends with a number, or null. It may use nothing but what it is given. */
export type Program = (store: NumberedStore, argument: number) => Promise<number | null>;

/** What a program is about to do next, or what it ended with. */
export type Step =
  | { readonly op: keyof NumberedStore; readonly number: number }
  | { readonly op: "ended"; readonly result: number | null };

interface Place {
  readonly program: Program;
  readonly argument: number;
  /** What the program was told so far. */
  readonly answers: readonly unknown[];
  readonly step: Step;
  readonly next: Map<string, number>;
}

/**
 * Programs as tables of steps: where a program is, is what it was told so far. A program is run, with its answers
 * given, only when a place is reached for the first time; exploring from there on is looking up.
 */
export class StepTable {
  readonly #places: Place[] = [];
  readonly #starts = new Map<Program, Map<number, number>>();

  /** Where this program begins with this argument; undefined until `addStart` was called. */
  startOf(program: Program, argument: number): number | undefined {
    return this.#starts.get(program)?.get(argument);
  }

  async addStart(program: Program, argument: number): Promise<number> {
    const starts = this.#starts.get(program) ?? new Map<number, number>();
    this.#starts.set(program, starts);
    const place = await this.#add(program, argument, []);
    starts.set(argument, place);
    return place;
  }

  stepAt(place: number): Step {
    return this.#at(place).step;
  }

  /** Where a program goes on from a place when it is told this; undefined until `addNext` was called. */
  nextOf(place: number, answer: unknown): number | undefined {
    return this.#at(place).next.get(JSON.stringify(answer));
  }

  async addNext(place: number, answer: unknown): Promise<number> {
    const { program, argument, answers, next } = this.#at(place);
    const added = await this.#add(program, argument, [...answers, answer]);
    next.set(JSON.stringify(answer), added);
    return added;
  }

  #at(place: number): Place {
    const found = this.#places[place];
    if (found === undefined) throw new Error(`No place ${place}`);
    return found;
  }

  async #add(program: Program, argument: number, answers: readonly unknown[]): Promise<number> {
    const step = await stepAfter(program, argument, answers);
    return this.#places.push({ program, argument, answers, step, next: new Map() }) - 1;
  }
}

/** Runs the program until it asks for something it was not told yet, and leaves it there. */
function stepAfter(program: Program, argument: number, answers: readonly unknown[]): Promise<Step> {
  return new Promise((resolve, reject) => {
    const left = [...answers];
    const ask = (op: keyof NumberedStore, number = 0): Promise<never> => {
      if (left.length > 0) return Promise.resolve(left.shift() as never);
      resolve({ op, number });
      return new Promise(() => undefined);
    };
    const store: NumberedStore = {
      numbers: () => ask("numbers"),
      elsewhere: () => ask("elsewhere"),
      isFree: (number) => ask("isFree", number),
      publish: (number) => ask("publish", number),
      isStillMine: (number) => ask("isStillMine", number),
      withdraw: (number) => ask("withdraw", number),
      remove: (number) => ask("remove", number),
    };
    program(store, argument).then((result) => resolve({ op: "ended", result }), reject);
  });
}
