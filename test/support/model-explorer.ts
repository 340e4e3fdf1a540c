/** One step from a world to the next. */
export interface Move<World> {
  readonly world: World;
  /** What happens, for the trace of a violation. */
  readonly label: () => string;
  /** What is wrong with the step, or the world after it, in words; null when nothing is. */
  readonly wrong: string | null;
  /** True for what may happen, but nobody can count on. */
  readonly isAccident?: boolean;
}

/** What can happen, and how worlds are told apart. */
export interface Machine<World> {
  readonly start: World;
  /** The same for worlds in which the same can still happen. */
  keyOf(world: World): string;
  /** Everything that can happen next. May throw `Unprepared`, and is asked again then. */
  movesFrom(world: World): readonly Move<World>[];
  /**
   * What is wrong with a world in which nothing but accidents can happen, in words; null when everything is done. Where
   * this is told, everything must be able to get done from every world.
   */
  whatIsStuck?(world: World): string | null;
}

/** Thrown where something has to be found out first that takes its time. */
export class Unprepared extends Error {
  readonly prepare: () => Promise<unknown>;

  constructor(prepare: () => Promise<unknown>) {
    super("A step that was not prepared");
    this.prepare = prepare;
  }
}

export interface Explored {
  readonly states: number;
  readonly steps: number;
  /** The first thing found wrong, and the steps that lead there; null when nothing can go wrong. */
  readonly violation: { readonly what: string; readonly trace: readonly string[] } | null;
}

/** Tries every order in which things can happen. */
export function exploreAll<World>(machine: Machine<World>): Promise<Explored> {
  return new Search(machine).run();
}

/** A search in depth. Of each world it remembers only its key, and by which move of which other one it was reached. */
class Search<World> {
  readonly #machine: Machine<World>;
  readonly #ids = new Map<string, number>();
  readonly #parents: number[] = [];
  readonly #moves: number[] = [];
  readonly #open: { readonly world: World; readonly id: number }[] = [];
  readonly #ways = new Ways();
  #steps = 0;

  constructor(machine: Machine<World>) {
    this.#machine = machine;
  }

  async run(): Promise<Explored> {
    this.#add(this.#machine.start, -1, 0);
    for (let open = this.#open.pop(); open !== undefined; open = this.#open.pop()) {
      const { world, id } = open;
      const moves = await this.#movesFrom(world);
      this.#steps += moves.length;
      for (const [index, move] of moves.entries()) {
        if (move.wrong !== null) return this.#result(move.wrong, [...(await this.#traceTo(id)), move.label()]);
        const next = this.#add(move.world, id, index);
        if (this.#machine.whatIsStuck !== undefined && move.isAccident !== true) this.#ways.add(id, next);
      }
      const stuck = moves.some(({ isAccident }) => isAccident !== true) ? null : this.#whatIsStuck(world, id);
      if (stuck !== null) return this.#result(stuck, await this.#traceTo(id));
    }
    const lost = this.#machine.whatIsStuck === undefined ? -1 : this.#ways.withoutEnd(this.#ids.size);
    if (lost >= 0) return this.#result("it goes on for ever, and nothing gets done", await this.#traceTo(lost));
    return this.#result(null, []);
  }

  #whatIsStuck(world: World, id: number): string | null {
    const stuck = this.#machine.whatIsStuck?.(world) ?? null;
    if (stuck === null) this.#ways.end(id);
    return stuck;
  }

  #result(what: string | null, trace: readonly string[]): Explored {
    return { states: this.#ids.size, steps: this.#steps, violation: what === null ? null : { what, trace } };
  }

  /** @returns the number of the world */
  #add(world: World, parent: number, move: number): number {
    const key = this.#machine.keyOf(world);
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#parents.push(parent) - 1;
    this.#ids.set(key, id);
    this.#moves.push(move);
    this.#open.push({ world, id });
    return id;
  }

  async #movesFrom(world: World): Promise<readonly Move<World>[]> {
    for (;;) {
      try {
        return this.#machine.movesFrom(world);
      } catch (error) {
        if (!(error instanceof Unprepared)) throw error;
        await error.prepare();
      }
    }
  }

  /** What happened on the way is done once more: nobody has kept it. */
  async #traceTo(id: number): Promise<string[]> {
    const taken: number[] = [];
    for (let at = id; at > 0; at = this.#parents[at] ?? 0) taken.push(this.#moves[at] ?? 0);
    const trace: string[] = [];
    let { start: world } = this.#machine;
    for (const index of taken.toReversed()) {
      const move = (await this.#movesFrom(world))[index];
      if (move === undefined) throw new Error("The same world has other moves");
      trace.push(move.label());
      world = move.world;
    }
    return trace;
  }
}

/** Which worlds lead where, to find those from which there is no way to an end. */
class Ways {
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  readonly #ends: number[] = [];

  add(from: number, to: number): void {
    this.#from.push(from);
    this.#to.push(to);
  }

  end(world: number): void {
    this.#ends.push(world);
  }

  /** @returns the first of so many worlds that leads to no end; -1 when all do */
  withoutEnd(count: number): number {
    // Of each world, its ways in are linked: the last one, and from each the one before.
    const last = new Int32Array(count).fill(-1);
    const before = new Int32Array(this.#to.length);
    for (const [way, to] of this.#to.entries()) {
      before[way] = last[to] ?? -1;
      last[to] = way;
    }
    const leads = new Uint8Array(count);
    const open = [...this.#ends];
    for (const world of open) leads[world] = 1;
    for (let world = open.pop(); world !== undefined; world = open.pop()) {
      for (let way = last[world] ?? -1; way >= 0; way = before[way] ?? -1) {
        const from = this.#from[way] ?? 0;
        if (leads[from] === 1) continue;
        leads[from] = 1;
        open.push(from);
      }
    }
    return leads.indexOf(0);
  }
}
