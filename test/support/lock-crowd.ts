import { setTimeout as sleep } from "node:timers/promises";
import type { Contender } from "./lock-contenders.ts";
import type { TicketTaken, Turn } from "./lock-messages.ts";
import { monotonicMs } from "./monotonic-clock.ts";
import { until } from "./until.ts";

export interface CrowdOptions {
  /** How many are in line, or hold the lock; who is killed is replaced. */
  readonly size: number;
  /** How many turns to grant before everybody leaves after a last one. */
  readonly grants: number;
  /** Decides who is killed, and in which moment of a hand-over. */
  readonly random: () => number;
}

/** One contender's way through the line; times are those of `monotonicMs`. */
export interface Wait {
  readonly askedAtMs: number;
  /** Null until it is known. */
  ticket: TicketTaken | null;
  /** Null until it is granted. */
  turn: Turn | null;
  /** Just before it was; while it waited, or in its turn. */
  killedAtMs: number | null;
}

/** A hand-over takes about a millisecond, so that these moments are before, in, and after it. */
const killWithinMs = 4;
/** Of so many turns one ends by the holder's death, and in one of so many anybody dies. */
const [holderDiesEvery, anyoneDiesEvery] = [8, 5];

/** Contenders that get in line again after each turn, and are killed at random; it records what each of them got. */
export class LockCrowd {
  readonly #newContender: () => Promise<Contender>;
  readonly #options: CrowdOptions;
  readonly #waits: Wait[] = [];
  readonly #latest = new Map<Contender, Wait>();
  readonly #deaths = new Map<Contender, Promise<void>>();
  readonly #pendingKills: Promise<void>[] = [];
  #grants = 0;

  constructor(newContender: () => Promise<Contender>, options: CrowdOptions) {
    this.#newContender = newContender;
    this.#options = options;
  }

  /** Returns when everyone who lives has had a last turn. @returns every wait, in no order */
  async run(): Promise<readonly Wait[]> {
    await Promise.all(Array.from({ length: this.#options.size }, () => this.#keepOneInLine()));
    await Promise.all(this.#pendingKills);
    return this.#waits;
  }

  get #isOver(): boolean {
    return this.#grants >= this.#options.grants;
  }

  async #keepOneInLine(): Promise<void> {
    do {
      const contender = await this.#newContender();
      try {
        do await this.#takeTurn(contender);
        while (!this.#isOver && !this.#deaths.has(contender));
      } catch (error) {
        const death = this.#deaths.get(contender);
        if (death === undefined) throw error;
        await death;
      }
      this.#latest.delete(contender);
    } while (!this.#isOver);
  }

  async #takeTurn(contender: Contender): Promise<void> {
    const wait: Wait = { askedAtMs: monotonicMs(), ticket: null, turn: null, killedAtMs: null };
    this.#waits.push(wait);
    this.#latest.set(contender, wait);
    const turn = contender.ask("takeTurn");
    void contender.nextWaiting().then(({ ticket }) => (wait.ticket = ticket));
    wait.turn = await turn;
    wait.ticket = wait.turn.ticket;
    this.#grants += 1;
    if (!wait.turn.isAlone) wait.turn = { ...wait.turn, isAlone: await this.#isAloneAfterAll(contender) };
    if (!this.#isOver && wait.turn.isAlone) await this.#makeItHard(contender, this.#grants);
    await contender.ask("release");
  }

  /** The kernel closes the files of one that is killed in no certain order: its claim may be free a moment earlier. */
  async #isAloneAfterAll(contender: Contender): Promise<boolean> {
    await Promise.all(this.#deaths.values());
    return contender.ask("isAlone");
  }

  async #makeItHard(holder: Contender, grant: number): Promise<void> {
    const { size, random } = this.#options;
    // Half of the line may still be on its way, so that they come while others are granted.
    await until(() => this.#isOver || this.#inLine() >= size / 2, { what: "the line is long again" });
    if (grant % holderDiesEvery === 0) await this.#kill(holder);
    if (grant % anyoneDiesEvery !== 0) return;
    const present = [...this.#latest.keys()];
    const victim = present[Math.floor(random() * present.length)] ?? holder;
    const afterMs = random() * killWithinMs;
    this.#pendingKills.push(sleep(afterMs).then(() => this.#kill(victim)));
  }

  #inLine(): number {
    return [...this.#latest.values()].filter(({ ticket, turn }) => ticket !== null && turn === null).length;
  }

  async #kill(contender: Contender): Promise<void> {
    const wait = this.#latest.get(contender);
    if (wait === undefined || this.#deaths.has(contender)) return;
    wait.killedAtMs = monotonicMs();
    const death = contender.signal("SIGKILL");
    this.#deaths.set(contender, death);
    await death;
  }
}
