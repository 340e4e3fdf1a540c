import { StepTable, type Program, type Step } from "./lock-model-steps.ts";
import { effectsOf, grant, keyOf, leave, type Contender, type World } from "./lock-model-world.ts";

/** How a contender takes the lock and what it does while it holds it; then it releases it. */
export interface Tenure {
  /** @returns the token, or null when the lock is another's */
  readonly take: Program;
  /** @param argument the token */
  readonly keep: Program;
}

/**
 * Contenders over in-memory directories of numbered files, one for each of up to two slots, with `link`, `unlink` and `readdir` as a file system has
 * them: `readdir` takes time, and what comes or goes meanwhile may or may not be seen.
 */
export interface Model {
  /** What each contender does, how many times it does it, and at which slot: 1 when absent. */
  readonly contenders: readonly { readonly tenure: Tenure; readonly times: number; readonly slot?: number }[];
  /** Numbers of dead owners' claims that are there at the beginning; the first slot's, and the other's. */
  readonly dead: readonly [readonly number[], (readonly number[])?];
  /** The token that was held last. */
  readonly lastToken: number;
  /** Who would publish a higher number sleeps for ever: two slots may drive each other's numbers up without end. */
  readonly highest?: number;
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
  readonly #table: StepTable;
  readonly #seen = new Set<string>();
  readonly #parents: number[] = [];
  readonly #labels: string[] = [];
  readonly #open: { readonly world: World; readonly id: number }[] = [];
  #grants = 0;

  constructor(model: Model) {
    this.#model = model;
    const { contenders, dead } = model;
    this.#table = new StepTable(dead.length > 1 || contenders.some(({ slot = 1 }) => slot > 1));
  }

  async run(): Promise<Exploration> {
    const contenders: Contender[] = [];
    for (const [index, { times }] of this.#model.contenders.entries()) contenders.push(await this.#begin(index, times));
    const { dead, lastToken, crashes } = this.#model;
    const files = dead.flatMap((numbers = [], index) =>
      numbers.map((number) => ({ slot: index + 1, number, owner: -1 })),
    );
    this.#add({ files, contenders, pending: [], lastToken, crashes }, -1, "");
    for (let next = this.#open.pop(); next !== undefined; next = this.#open.pop()) {
      for (const move of await this.#movesFrom(next.world)) {
        const what = violationIn(next.world, move.world);
        if (what !== null) return this.#result({ what, trace: [...this.#traceTo(next.id), move.label] });
        if (isGrant(next.world, move.world)) this.#grants += 1;
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
      if (step.op === "publish" && step.number > (this.#model.highest ?? Infinity)) continue;
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
    const told = this.#table.nextOf(before.place, answer) ?? (await this.#table.addNext(before.place, answer));
    const step = this.#table.stepAt(told);
    // "Start over": what it was told before counts no more. Without this, two that drive each other back never come to an end.
    const startsOver = this.#table.slots && this.#table.stepAt(before.place).op === "withdraw" && step.op === "numbers";
    const place = startsOver ? await this.#startOf(this.#contenderAt(index).tenure.take, 0) : told;
    const after = { ...before, place, scan: null };
    if (step.op !== "ended" || before.holds > 0) return { ...world, contenders: world.contenders.with(index, after) };
    const token = step.result;
    if (token === null) return leave(world, index, await this.#begin(index, before.left - 1));
    const keeping = await this.#startOf(this.#contenderAt(index).tenure.keep, token);
    const granted = grant(world, index, token);
    return { ...granted, contenders: granted.contenders.with(index, { ...after, place: keeping, holds: token }) };
  }

  async #begin(index: number, left: number): Promise<Contender> {
    const { slot = 1, tenure } = this.#contenderAt(index);
    const place = left === 0 ? -1 : await this.#startOf(tenure.take, 0);
    return { slot, left, place, scan: null, published: 0, spoilt: false, holds: 0 };
  }

  async #startOf(program: Program, argument: number): Promise<number> {
    return this.#table.startOf(program, argument) ?? this.#table.addStart(program, argument);
  }

  #contenderAt(index: number): Model["contenders"][number] {
    const contender = this.#model.contenders[index];
    if (contender === undefined) throw new Error(`No contender ${index}`);
    return contender;
  }
}

function textOf(step: Step): string {
  return step.op === "ended" ? "" : `${step.op}${step.number === 0 ? "" : `(${step.number})`}:`;
}

function isGrant(before: World, after: World): boolean {
  return after.contenders.some(({ holds }, index) => holds > 0 && before.contenders[index]?.holds === 0);
}

function violationIn(before: World, after: World): string | null {
  const holders = after.contenders.filter(({ holds }) => holds > 0);
  const both = holders.filter(({ slot }) => holders.filter((other) => other.slot === slot).length > 1);
  if (both.length > 0) return `two hold the lock, with tokens ${both.map(({ holds }) => holds).join(" and ")}`;
  const disorderly = holders.find(({ spoilt }) => spoilt);
  return disorderly === undefined ? null : `token ${disorderly.holds} after token ${before.lastToken}`;
}
