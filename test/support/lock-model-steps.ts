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
  readonly answers: readonly number[];
  readonly step: Step;
  readonly next: Map<number, number>;
}

/**
 * Programs as tables of steps: where a program is, is what it was told so far. A program is run, with its answers
 * given, only when a place is reached for the first time; exploring from there on is looking up. An answer is a number:
 * numbers that exist are its bits, and false is 0.
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
  nextOf(place: number, answer: number): number | undefined {
    return this.#at(place).next.get(answer);
  }

  async addNext(place: number, answer: number): Promise<number> {
    const { program, argument, answers, next } = this.#at(place);
    const added = await this.#add(program, argument, [...answers, answer]);
    next.set(answer, added);
    return added;
  }

  #at(place: number): Place {
    const found = this.#places[place];
    if (found === undefined) throw new Error(`No place ${place}`);
    return found;
  }

  async #add(program: Program, argument: number, answers: readonly number[]): Promise<number> {
    const step = await stepAfter(program, argument, answers);
    return this.#places.push({ program, argument, answers, step, next: new Map() }) - 1;
  }
}

/** Runs the program until it asks for something it was not told yet, and leaves it there. */
function stepAfter(program: Program, argument: number, answers: readonly number[]): Promise<Step> {
  return new Promise((resolve, reject) => {
    const left = [...answers];
    const ask = (op: keyof NumberedStore, number = 0): Promise<number> => {
      const answer = left.shift();
      if (answer !== undefined) return Promise.resolve(answer);
      resolve({ op, number });
      return new Promise(() => undefined);
    };
    const asks = (op: keyof NumberedStore) => async (number: number) => (await ask(op, number)) !== 0;
    const does = (op: keyof NumberedStore) => async (number: number) => void (await ask(op, number));
    const store: NumberedStore = {
      numbers: async () => numbersIn(await ask("numbers")),
      elsewhere: async () => numbersIn(await ask("elsewhere")),
      isFree: asks("isFree"),
      publish: asks("publish"),
      isStillMine: asks("isStillMine"),
      withdraw: does("withdraw"),
      remove: does("remove"),
    };
    program(store, argument).then((result) => resolve({ op: "ended", result }), reject);
  });
}

/** In ascending order. */
export function numbersIn(bits: number): number[] {
  const numbers: number[] = [];
  for (let number = 1; bits >>> number > 0; number += 1) if ((bits & bitOf(number)) !== 0) numbers.push(number);
  return numbers;
}

export function bitOf(number: number): number {
  return 1 << number;
}
