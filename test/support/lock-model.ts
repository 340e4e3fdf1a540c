import { bitOf, StepTable, type Program, type Step } from "./lock-model-steps.ts";
import { effectsOf, goTo, highestGiven, keyOf, type Contender, type World } from "./lock-model-world.ts";
import { exploreAll, Unprepared, type Explored, type Machine, type Move } from "./model-explorer.ts";

/** How a contender takes the lock and what it does while it holds it; then it releases it. */
export interface Tenure {
  /** @returns the token, or null when the lock is another's */
  readonly take: Program;
  /** @param argument the token */
  readonly keep: Program;
}

/**
 * Contenders over an in-memory directory of numbered files, with `link`, `unlink` and `readdir` as a file system has
 * them: `readdir` takes time, and what comes or goes meanwhile may or may not be seen.
 */
export interface Model {
  /** What each contender does, and how many times it does it. */
  readonly contenders: readonly {
    readonly tenure: Tenure;
    readonly times: number;
    /** The first when absent. */
    readonly slot?: number;
    /** True for one that takes a token that it had before. */
    readonly restores?: boolean;
  }[];
  /** Numbers of dead owners' claims that are there at the beginning: they were tokens. Without a slot, of the first. */
  readonly dead: readonly (number | { readonly slot: number; readonly number: number })[];
  /** How many contenders may die, whenever they have a claim published. Dying without one is never going on. */
  readonly crashes: number;
  /**
   * What would publish a higher number sleeps for ever instead. Contenders of two slots may drive each other up: each
   * withdraws because of the other, and takes a higher number.
   */
  readonly highest?: number;
  /** True when only one at a time takes the lock and sweeps; one that dies makes room. */
  readonly gated?: boolean;
}

export interface Exploration extends Explored {
  readonly grants: number;
}

/** Tries every interleaving: any contender may sleep at any step for as long as it likes, or for ever. */
export async function explore(model: Model): Promise<Exploration> {
  const machine = new LockMachine(model);
  await machine.prepare();
  const explored = await exploreAll(machine);
  return { ...explored, grants: machine.grants };
}

class LockMachine implements Machine<World> {
  readonly keyOf = keyOf;
  readonly #model: Model;
  readonly #table = new StepTable();
  #start: World | null = null;
  grants = 0;

  constructor(model: Model) {
    this.#model = model;
  }

  async prepare(): Promise<void> {
    for (const { tenure } of this.#model.contenders) await this.#table.addStart(tenure.take, 0);
    const { contenders, crashes } = this.#model;
    const dead = this.#model.dead.map((each) => (typeof each === "number" ? { slot: 1, number: each } : each));
    const slots = Math.max(...[...contenders, ...dead].map(({ slot = 1 }) => slot));
    const files = Array.from({ length: slots }, (_, at) => bitsOf(dead.filter(({ slot }) => slot === at + 1)));
    const hasSlots = contenders.some(({ slot = 1 }) => slot !== (contenders[0]?.slot ?? 1));
    const empty: World = { files, contenders: [], given: bitsOf(dead), crashes, hasSlots };
    this.#start = { ...empty, contenders: contenders.map(({ times }, index) => this.#begin(empty, index, times)) };
  }

  get start(): World {
    if (this.#start === null) throw new Error("It is not prepared");
    return this.#start;
  }

  movesFrom(world: World): readonly Move<World>[] {
    const moves: Move<World>[] = [];
    for (const [index, contender] of world.contenders.entries()) {
      if (contender.left === 0) continue;
      if (!contender.isInside) moves.push(...this.#enter(world, index));
      else moves.push(...this.#goOnFrom(world, index));
      if (world.crashes > 0 && contender.owns !== 0) {
        const dead = this.#leave(world, index, 0);
        moves.push(moveTo({ ...dead, crashes: world.crashes - 1 }, () => `${nameOf(index)} dies`));
      }
    }
    return moves;
  }

  #goOnFrom(world: World, index: number): Move<World>[] {
    const contender = world.contenders[index] as Contender;
    const step = this.#table.stepAt(contender.place);
    if (step.op === "ended") {
      return [moveTo(this.#leave(world, index, contender.left - 1), () => `${nameOf(index)} releases`)];
    }
    if (step.op === "publish" && step.number > (this.#model.highest ?? Infinity)) return [];
    return effectsOf(world, index, step).map(({ changed, answer }) => {
      const after = this.#goOn(changed, index, answer);
      return {
        world: after,
        label: () => `${nameOf(index)} ${textOf(step)} ${answer}`,
        wrong: violationIn(world, after),
      };
    });
  }

  /** Whoever is gated begins when nobody else has begun to take the lock, or has it and sweeps. */
  #enter(world: World, index: number): Move<World>[] {
    if (world.contenders.some((other) => this.#isBusy(other))) return [];
    const contender = { ...(world.contenders[index] as Contender), isInside: true };
    const entered = goTo(world, contender, this.#table.stepAt(contender.place));
    return [
      moveTo({ ...world, contenders: world.contenders.with(index, entered) }, () => `${nameOf(index)} has its turn`),
    ];
  }

  #isBusy({ left, isInside, holds, place }: Contender): boolean {
    return left > 0 && isInside && (holds === 0 || this.#table.stepAt(place).op !== "ended");
  }

  /** The contender is told the answer. If that ends its taking, it holds the lock from then on, or begins again. */
  #goOn(world: World, index: number, answer: number): World {
    const before = world.contenders[index] as Contender;
    const next = this.#table.nextOf(before.place, answer);
    if (next === undefined) throw new Unprepared(() => this.#table.addNext(before.place, answer));
    const step = this.#table.stepAt(next);
    const startsOver = world.hasSlots && this.#startsOver(before, answer, step);
    const place = startsOver ? this.#takeAt(index) : next;
    if (step.op !== "ended" || before.holds > 0) {
      const after = goTo(world, { ...before, place }, this.#table.stepAt(place));
      return { ...world, contenders: world.contenders.with(index, after) };
    }
    const token = step.result;
    if (token === null) return this.#leave(world, index, before.left - 1);
    const { keep } = this.#modelOf(index).tenure;
    const keeping = this.#table.startOf(keep, token);
    if (keeping === undefined) throw new Unprepared(() => this.#table.addStart(keep, token));
    this.grants += 1;
    const holding = goTo(world, { ...before, place: keeping, holds: token }, this.#table.stepAt(keeping));
    return { ...world, contenders: world.contenders.with(index, holding), given: world.given | bitOf(token) };
  }

  /** One that takes the lock remembers nothing when it starts over. Else two that withdraw for each other never end. */
  #startsOver(before: Contender, answer: number, next: Step): boolean {
    if (before.holds > 0 || next.op !== "numbers") return false;
    const { op } = this.#table.stepAt(before.place);
    return op === "withdraw" || (op !== "numbers" && op !== "elsewhere" && answer === 0);
  }

  /** Its claims are free from now on; it begins again if it has some times left. */
  #leave(world: World, index: number, left: number): World {
    return { ...world, contenders: world.contenders.with(index, this.#begin(world, index, left)) };
  }

  #begin(world: World, index: number, left: number): Contender {
    const { slot = 1, restores = false } = this.#modelOf(index);
    const place = left === 0 ? -1 : this.#takeAt(index);
    const nothing = { owns: 0, holds: 0, floor: 0, reads: null, surely: 0, perhaps: 0 };
    const begun = { slot, left, place, restores, isInside: left > 0 && this.#model.gated !== true, ...nothing };
    return left === 0 ? begun : goTo(world, begun, this.#table.stepAt(place));
  }

  #takeAt(index: number): number {
    const place = this.#table.startOf(this.#modelOf(index).tenure.take, 0);
    if (place === undefined) throw new Error("It is not prepared");
    return place;
  }

  #modelOf(index: number): Model["contenders"][number] {
    const contender = this.#model.contenders[index];
    if (contender === undefined) throw new Error(`No contender ${index}`);
    return contender;
  }
}

function moveTo(world: World, label: () => string): Move<World> {
  return { world, label, wrong: null };
}

function bitsOf(files: readonly { readonly number: number }[]): number {
  return files.reduce((bits, { number }) => bits | bitOf(number), 0);
}

function nameOf(index: number): string {
  return String.fromCodePoint(65 + index);
}

function textOf(step: Step): string {
  return step.op === "ended" ? "" : `${step.op}${step.number === 0 ? "" : `(${step.number})`}:`;
}

function violationIn(before: World, after: World): string | null {
  for (const [index, { slot, holds }] of after.contenders.entries()) {
    if (holds === 0) continue;
    const other = after.contenders.find((each, at) => at > index && each.slot === slot && each.holds > 0);
    if (other !== undefined) return `two hold the lock, with tokens ${holds} and ${other.holds}`;
  }
  const winner = after.contenders.find((each, index) => each.holds > 0 && before.contenders[index]?.holds === 0);
  if (winner === undefined) return null;
  const { holds: token } = winner;
  const floor = after.hasSlots ? winner.floor : highestGiven(before);
  if (token < floor) return `token ${token} after token ${floor}`;
  return (before.given & bitOf(token)) === 0 ? null : `token ${token} twice`;
}
