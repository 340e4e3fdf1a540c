import { formatClaim } from "../../src/lock/claim-record.ts";
import { bitOf } from "./lock-model-steps.ts";
import { exploreAll, Unprepared, type Explored, type Machine, type Move } from "./model-explorer.ts";
import { identityOf, ModelProcess, textNumber, type Asked, type Directory } from "./model-process.ts";
import {
  canBeNoticed,
  change,
  contenderOf,
  die,
  effectsOf,
  goTo,
  keyOf,
  type Contender,
  type Entry,
  type World,
} from "./queue-model-world.ts";

/** What a contender does: real code, over the files and pulses of a model. */
export type Conduct = (process: ModelProcess) => Promise<void>;

export interface QueueModel {
  readonly contenders: readonly Conduct[];
  /** How many of them may die, whenever somebody could notice. */
  readonly crashes: number;
  /**
   * How often it may be another one's turn although the one who went on last could go on; a death is no such turn. Faults
   * need few: this bounds how long the exploration takes. Absent: always.
   */
  readonly switches?: number;
  /**
   * Who would get a higher number sleeps for ever instead: two that get in line at once may drive each other up, as each
   * withdraws because of the other, and takes a higher number.
   */
  readonly highest: Readonly<Record<Directory, number>>;
  /** Files of processes that were killed before. */
  readonly dead: readonly { readonly directory: Directory; readonly number: number }[];
}

export interface QueueExploration extends Explored {
  readonly grants: number;
  /** Of waiters that were in line. */
  readonly turns: number;
}

/** Tries every interleaving: any contender may sleep at any step for as long as it likes. */
export async function exploreQueue(model: QueueModel): Promise<QueueExploration> {
  const machine = new QueueMachine(model);
  await machine.prepare();
  const explored = await exploreAll(machine);
  return { ...explored, grants: machine.grants, turns: machine.turns };
}

interface Place {
  readonly conduct: Conduct;
  readonly index: number;
  readonly answers: readonly number[];
  readonly step: Asked;
  readonly next: Map<number, Edge>;
}

interface Edge {
  readonly place: number;
  /** What it has got on the way there. */
  readonly settled: Directory | null;
}

class QueueMachine implements Machine<World> {
  readonly keyOf = keyOf;
  readonly #model: QueueModel;
  readonly #places: Place[] = [];
  /** Places at which a process remembers the same are the same. */
  readonly #marked = new Map<string, number>();
  #start: World | null = null;
  grants = 0;
  turns = 0;

  constructor(model: QueueModel) {
    this.#model = model;
  }

  async prepare(): Promise<void> {
    const { contenders, crashes, dead, switches = -1 } = this.#model;
    const entriesOf = (directory: Directory) => dead.filter((each) => each.directory === directory).map(deadEntry);
    const [claims, queue] = [entriesOf("claims"), entriesOf("queue")];
    let world: World = {
      entries: { claims, queue },
      contenders: contenders.map(() => nobody),
      given: {
        token: Math.max(0, ...claims.map(({ number }) => number)),
        tickets: queue.reduce((bits, { number }) => bits | bitOf(number), 0),
      },
      crashes,
      last: -1,
      switches,
    };
    for (const [index, conduct] of contenders.entries()) {
      const { place } = await this.#arrive(conduct, index, []);
      world = goTo(world, index, place, this.#stepAt(place));
    }
    this.#start = world;
  }

  get start(): World {
    if (this.#start === null) throw new Error("It is not prepared");
    return this.#start;
  }

  movesFrom(world: World): readonly Move<World>[] {
    const moves = world.contenders.map((_, index) => this.#movesOf(world, index));
    const canGoOn = (moves[world.last] ?? []).length > 0;
    const taken = moves.flatMap((each, index) => {
      const isSwitch = canGoOn && index !== world.last;
      if (world.switches < 0) return each;
      if (isSwitch && world.switches === 0) return [];
      const turn = { last: index, switches: world.switches - (isSwitch ? 1 : 0) };
      return each.map((move) => ({ ...move, world: { ...move.world, ...turn } }));
    });
    return [...taken, ...world.contenders.flatMap((_, index) => deathOf(world, index))];
  }

  #movesOf(world: World, index: number): readonly Move<World>[] {
    const { state, place } = contenderOf(world, index);
    if (state !== "running") return [];
    const step = this.#stepAt(place);
    if (this.#isTooHigh(step)) return [];
    const name = nameOf(index);
    if (step.op === "sleep") return [{ world, label: () => `${name} sleeps`, wrong: `${name} waits by the clock` }];
    return effectsOf(world, index, step).map(({ changed, answer }) => {
      const label = () => `${name} ${textOf(step)} ${answer ?? "…"}`;
      if (answer === undefined) return { world: changed, wrong: null, label };
      const after = this.#goOn(changed, index, answer);
      return { world: after.world, wrong: after.wrong, label };
    });
  }

  whatIsStuck({ contenders }: World): string | null {
    const stuck = contenders.findIndex((one) => one.state === "running" && !this.#isTooHigh(this.#stepAt(one.place)));
    if (stuck < 0) return null;
    return `${nameOf(stuck)} waits for ever: ${textOf(this.#stepAt(contenders[stuck]?.place ?? 0))}`;
  }

  #isTooHigh(step: Asked): boolean {
    return step.op === "link" && step.number > this.#model.highest[step.directory];
  }

  #goOn(world: World, index: number, answer: number): Pick<Move<World>, "world" | "wrong"> {
    const { place } = contenderOf(world, index);
    const edge = this.#placeAt(place).next.get(answer);
    if (edge === undefined) throw new Unprepared(() => this.#follow(place, answer));
    const after = goTo(world, index, edge.place, this.#stepAt(edge.place));
    if (edge.settled === null) return { world: after, wrong: this.#wrongEnd(after, index) };
    return this.#settle(after, index, edge.settled);
  }

  /** It has got its place in line, or the lock. */
  #settle(world: World, index: number, directory: Directory): Pick<Move<World>, "world" | "wrong"> {
    const { linked, ticket } = contenderOf(world, index);
    const { given } = world;
    if (directory === "queue") {
      const tickets = given.tickets | bitOf(linked.queue);
      const inLine = change({ ...world, given: { ...given, tickets } }, index, { ticket: linked.queue });
      return { world: inLine, wrong: tickets === given.tickets ? `ticket ${linked.queue} twice` : null };
    }
    const token = linked.claims;
    this.grants += 1;
    if (ticket > 0) this.turns += 1;
    const holding = change({ ...world, given: { ...given, token } }, index, { holds: token, hadItsTurn: true });
    const fell = token > given.token ? null : `token ${token} after token ${given.token}`;
    return { world: holding, wrong: wrongGrant(holding, index) ?? fell };
  }

  #wrongEnd(world: World, index: number): string | null {
    const { state, linked } = contenderOf(world, index);
    return state === "done" && linked.claims + linked.queue > 0 ? `${nameOf(index)} ends and leaves its files` : null;
  }

  #stepAt(place: number): Asked {
    return this.#placeAt(place).step;
  }

  #placeAt(place: number): Place {
    const found = this.#places[place];
    if (found === undefined) throw new Error(`No place ${place}`);
    return found;
  }

  async #follow(place: number, answer: number): Promise<void> {
    const { conduct, index, answers, next } = this.#placeAt(place);
    next.set(answer, await this.#arrive(conduct, index, [...answers, answer]));
  }

  /** Runs the process with these answers; that is where it is then. */
  async #arrive(conduct: Conduct, index: number, answers: readonly number[]): Promise<Edge> {
    const process = new ModelProcess(index + 1, answers);
    const step = await process.run(conduct);
    const place = { conduct, index, answers, step, next: new Map() };
    const { settled, mark } = process;
    if (mark === null) return { place: this.#places.push(place) - 1, settled };
    const remembered = `${index} ${mark} ${JSON.stringify(step)}`;
    const known = this.#marked.get(remembered);
    if (known !== undefined) return { place: known, settled };
    this.#marked.set(remembered, this.#places.push(place) - 1);
    return { place: this.#places.length - 1, settled };
  }
}

const nobody: Contender = {
  state: "running",
  place: -1,
  reads: null,
  surely: 0,
  perhaps: 0,
  linked: { claims: 0, queue: 0 },
  waits: null,
  holds: 0,
  ticket: 0,
  hadItsTurn: false,
  sawInLine: 0,
};

function deathOf(world: World, index: number): Move<World>[] {
  if (world.crashes === 0 || !canBeNoticed(world, index)) return [];
  return [{ world: die(world, index), label: () => `${nameOf(index)} dies`, wrong: null, isAccident: true }];
}

function deadEntry({ directory, number }: { readonly directory: Directory; readonly number: number }): Entry {
  const text = formatClaim({
    schema_version: 1,
    lock: "session",
    token: number,
    state: "held",
    purpose: directory === "queue" ? "ticket" : "session",
    slots: 1,
    pulse: { kind: "kernel" },
    owner: identityOf(99),
    since: "before",
    info: null,
  });
  return { number, text: textNumber(text), owner: -1 };
}

/** Two at once, or somebody passed who was in line before. */
function wrongGrant(world: World, index: number): string | null {
  const { holds, ticket, sawInLine } = contenderOf(world, index);
  for (const [other, each] of world.contenders.entries()) {
    if (other === index || each.state !== "running") continue;
    if (each.holds > 0) return `two hold the lock, with tokens ${holds} and ${each.holds}`;
    const isBefore = ticket > 0 ? each.ticket < ticket : (sawInLine & bitOf(other)) !== 0;
    if (each.ticket > 0 && !each.hadItsTurn && isBefore)
      return `${nameOf(index)} passes ${nameOf(other)}, who was in line`;
  }
  return null;
}

function nameOf(index: number): string {
  return String.fromCodePoint(65 + index);
}

function textOf(step: Asked): string {
  const number = "number" in step ? `.${step.number}` : "";
  return `${step.op}${"directory" in step ? ` ${step.directory}` : ""}${number}`;
}
