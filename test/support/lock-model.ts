import { StepTable, type Program, type Step } from "./lock-model-steps.ts";
import { effectsOf, hasSlots, highestGiven, keyOf, leave, type Contender, type World } from "./lock-model-world.ts";

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

export interface Exploration {
  readonly states: number;
  readonly grants: number;
  /** The first thing found wrong, and the steps that lead there; null when nothing can go wrong. */
  readonly violation: { readonly what: string; readonly trace: readonly string[] } | null;
}

interface Move {
  readonly world: World;
  readonly label: string;
}

/** Tries every interleaving: any contender may sleep at any step for as long as it likes, or for ever. */
export function explore(model: Model): Promise<Exploration> {
  return new Explorer(model).run();
}

class Explorer {
  readonly #model: Model;
  readonly #table = new StepTable();
  readonly #seen = new Set<string>();
  readonly #parents: number[] = [];
  readonly #labels: string[] = [];
  readonly #open: { readonly world: World; readonly id: number }[] = [];
  #grants = 0;

  constructor(model: Model) {
    this.#model = model;
  }

  async run(): Promise<Exploration> {
    const contenders: Contender[] = [];
    for (const [index, { times }] of this.#model.contenders.entries()) contenders.push(await this.#begin(index, times));
    const dead = this.#model.dead.map((each) => (typeof each === "number" ? { slot: 1, number: each } : each));
    const files = dead.map((each) => ({ ...each, owner: -1 }));
    const given = dead.map(({ number }) => number);
    this.#add({ files, contenders, given, crashes: this.#model.crashes }, -1, "");
    for (let next = this.#open.pop(); next !== undefined; next = this.#open.pop()) {
      for (const move of await this.#movesFrom(next.world)) {
        const what = violationIn(next.world, move.world);
        if (what !== null) return this.#result({ what, trace: [...this.#traceTo(next.id), move.label] });
        if (move.world.given !== next.world.given) this.#grants += 1;
        this.#add(move.world, next.id, move.label);
      }
    }
    return this.#result(null);
  }

  #result(violation: Exploration["violation"]): Exploration {
    return { states: this.#seen.size, grants: this.#grants, violation };
  }

  #add(world: World, parent: number, label: string): void {
    const key = keyOf(world);
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#labels.push(label);
    this.#open.push({ world, id: this.#parents.push(parent) - 1 });
  }

  #traceTo(id: number): string[] {
    const trace: string[] = [];
    for (let at = id; at > 0; at = this.#parents[at] ?? -1) trace.push(this.#labels[at] ?? "");
    return trace.toReversed();
  }

  async #movesFrom(world: World): Promise<Move[]> {
    const moves: Move[] = [];
    for (const [index, contender] of world.contenders.entries()) {
      if (contender.left === 0 || (this.#model.gated === true && (await this.#isShutOut(world, index)))) continue;
      const name = String.fromCodePoint(65 + index);
      const step = this.#table.stepAt(contender.place);
      const isTooHigh = step.op === "publish" && step.number > (this.#model.highest ?? Infinity);
      for (const { changed, answer } of isTooHigh ? [] : effectsOf(world, index, step)) {
        const after = answer === undefined ? changed : await this.#goOn(changed, index, answer);
        moves.push({ world: after, label: `${name} ${textOf(step)} ${JSON.stringify(answer) ?? "begins"}` });
      }
      if (step.op === "ended") {
        const released = leave(world, index, await this.#begin(index, contender.left - 1));
        moves.push({ world: released, label: `${name} releases` });
      }
      if (world.crashes > 0 && world.files.some(({ owner }) => owner === index)) {
        const dead = leave(world, index, await this.#begin(index, 0));
        moves.push({ world: { ...dead, crashes: world.crashes - 1 }, label: `${name} dies` });
      }
    }
    return moves;
  }

  async #isShutOut(world: World, index: number): Promise<boolean> {
    if (await this.#isInside(world, index)) return false;
    if (world.contenders[index]?.holds !== 0) return false;
    for (const other of world.contenders.keys()) if (await this.#isInside(world, other)) return true;
    return false;
  }

  /** Has begun to take the lock, or has it and sweeps. */
  async #isInside(world: World, index: number): Promise<boolean> {
    const { left, place, scan, holds } = world.contenders[index] as Contender;
    if (left === 0) return false;
    if (holds > 0) return this.#table.stepAt(place).op !== "ended";
    return scan !== null || place !== (await this.#takeAt(index));
  }

  /** The contender is told the answer. If that ends its taking, it holds the lock from then on, or begins again. */
  async #goOn(world: World, index: number, answer: unknown): Promise<World> {
    const before = world.contenders[index] as Contender;
    const next = this.#table.nextOf(before.place, answer) ?? (await this.#table.addNext(before.place, answer));
    const step = this.#table.stepAt(next);
    const place = hasSlots(world) && this.#startsOver(before, answer, step) ? await this.#takeAt(index) : next;
    const after = { ...before, place, scan: null };
    if (step.op !== "ended" || before.holds > 0) return { ...world, contenders: world.contenders.with(index, after) };
    const token = step.result;
    if (token === null) return leave(world, index, await this.#begin(index, before.left - 1));
    const keeping = await this.#startOf(this.#modelOf(index).tenure.keep, token);
    const contenders = world.contenders.with(index, { ...after, place: keeping, holds: token });
    return { ...world, contenders, given: [...world.given, token] };
  }

  /** One that takes the lock remembers nothing when it starts over. Else two that withdraw for each other never end. */
  #startsOver(before: Contender, answer: unknown, next: Step): boolean {
    if (before.holds > 0 || next.op !== "numbers") return false;
    return this.#table.stepAt(before.place).op === "withdraw" || answer === false;
  }

  #takeAt(index: number): Promise<number> {
    return this.#startOf(this.#modelOf(index).tenure.take, 0);
  }

  async #begin(index: number, left: number): Promise<Contender> {
    const { slot = 1, restores = false } = this.#modelOf(index);
    const place = left === 0 ? -1 : await this.#takeAt(index);
    return { slot, left, place, scan: null, holds: 0, floor: 0, restores };
  }

  async #startOf(program: Program, argument: number): Promise<number> {
    return this.#table.startOf(program, argument) ?? this.#table.addStart(program, argument);
  }

  #modelOf(index: number): Model["contenders"][number] {
    const contender = this.#model.contenders[index];
    if (contender === undefined) throw new Error(`No contender ${index}`);
    return contender;
  }
}

function textOf(step: Step): string {
  return step.op === "ended" ? "" : `${step.op}${step.number === 0 ? "" : `(${step.number})`}:`;
}

function violationIn(before: World, after: World): string | null {
  const holders = after.contenders.filter(({ holds }) => holds > 0);
  for (const { slot, holds } of holders) {
    const other = holders.find((each) => each.slot === slot && each.holds !== holds);
    if (other !== undefined) return `two hold the lock, with tokens ${holds} and ${other.holds}`;
  }
  if (after.given === before.given) return null;
  const token = after.given.at(-1) ?? 0;
  const winner = after.contenders.find((each, index) => each.holds > 0 && before.contenders[index]?.holds === 0);
  const floor = hasSlots(after) ? (winner?.floor ?? 0) : highestGiven(before);
  if (token < floor) return `token ${token} after token ${floor}`;
  return before.given.includes(token) ? `token ${token} twice` : null;
}
