import { StepTable, type Program, type Step } from "./lock-model-steps.ts";
import { effectsOf, keyOf, leave, type Contender, type World } from "./lock-model-world.ts";

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
  readonly contenders: readonly { readonly tenure: Tenure; readonly times: number }[];
  /** Numbers of dead owners' claims that are there at the beginning. */
  readonly dead: readonly number[];
  /** The token that was held last. */
  readonly lastToken: number;
  /** How many contenders may die, whenever they have a claim published. Dying without one is never going on. */
  readonly crashes: number;
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
    const files = this.#model.dead.map((number) => ({ number, owner: -1 }));
    this.#add({ files, contenders, lastToken: this.#model.lastToken, crashes: this.#model.crashes }, -1, "");
    for (let next = this.#open.pop(); next !== undefined; next = this.#open.pop()) {
      for (const move of await this.#movesFrom(next.world)) {
        const what = violationIn(next.world, move.world);
        if (what !== null) return this.#result({ what, trace: [...this.#traceTo(next.id), move.label] });
        if (move.world.lastToken !== next.world.lastToken) this.#grants += 1;
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
      if (contender.left === 0) continue;
      const name = String.fromCodePoint(65 + index);
      const step = this.#table.stepAt(contender.place);
      for (const { changed, answer } of effectsOf(world, index, step)) {
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

  /** The contender is told the answer. If that ends its taking, it holds the lock from then on, or begins again. */
  async #goOn(world: World, index: number, answer: unknown): Promise<World> {
    const before = world.contenders[index] as Contender;
    const place = this.#table.nextOf(before.place, answer) ?? (await this.#table.addNext(before.place, answer));
    const step = this.#table.stepAt(place);
    const after = { ...before, place, scan: null };
    if (step.op !== "ended" || before.holds > 0) return { ...world, contenders: world.contenders.with(index, after) };
    const token = step.result;
    if (token === null) return leave(world, index, await this.#begin(index, before.left - 1));
    const keeping = await this.#startOf(this.#tenureOf(index).keep, token);
    const contenders = world.contenders.with(index, { ...after, place: keeping, holds: token });
    return { ...world, contenders, lastToken: token };
  }

  async #begin(index: number, left: number): Promise<Contender> {
    return { left, place: left === 0 ? -1 : await this.#startOf(this.#tenureOf(index).take, 0), scan: null, holds: 0 };
  }

  async #startOf(program: Program, argument: number): Promise<number> {
    return this.#table.startOf(program, argument) ?? this.#table.addStart(program, argument);
  }

  #tenureOf(index: number): Tenure {
    const contender = this.#model.contenders[index];
    if (contender === undefined) throw new Error(`No contender ${index}`);
    return contender.tenure;
  }
}

function textOf(step: Step): string {
  return step.op === "ended" ? "" : `${step.op}${step.number === 0 ? "" : `(${step.number})`}:`;
}

function violationIn(before: World, after: World): string | null {
  const tokens = after.contenders.filter(({ holds }) => holds > 0).map(({ holds }) => holds);
  if (tokens.length > 1) return `two hold the lock, with tokens ${tokens.join(" and ")}`;
  if (after.lastToken < before.lastToken) return `token ${after.lastToken} after token ${before.lastToken}`;
  const again =
    after.lastToken === before.lastToken && tokens.length > before.contenders.filter(({ holds }) => holds > 0).length;
  return again ? `token ${after.lastToken} twice` : null;
}
