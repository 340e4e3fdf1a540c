import { Failure } from "../failure.ts";
import { systemClock, type Clock } from "./clock.ts";
import { signalProcess, type ProcessIdentity, type SignalResult } from "./identity.ts";
import type { Survivor } from "./survivor.ts";
import type { ProcessEntry, ProcessTable } from "./table.ts";

export interface EndedProcess {
  readonly pid: number;
  readonly command: string;
  /** The signal after which it was gone; without any, `exited`, or `stop_command` when it was asked so. */
  readonly how: "exited" | "stop_command" | NodeJS.Signals;
  readonly started_at: string;
}

export interface TerminateOptions {
  readonly table: ProcessTable;
  /** What is to be ended, asked again and again until it is nothing. */
  readonly find: () => Promise<readonly ProcessEntry[]>;
  /** Asks for an end in another way before any signal is sent, in its own time; only if there is something to end. */
  readonly stopCommand?: () => Promise<void>;
  /** The signal that asks for an end; SIGKILL does not ask. */
  readonly signal: NodeJS.Signals;
  /** How long they may take from that signal to SIGKILL. */
  readonly killAfterMs: number;
  readonly clock?: Clock;
  readonly signalOne?: typeof signalProcess;
  /** Aborted: SIGKILL at once. */
  readonly abort?: AbortSignal;
}

export interface TerminateResult {
  readonly ended: readonly EndedProcess[];
  readonly survivors: readonly Survivor[];
}

/** Node has no way to await the end of a process that is not its child (no pidfd, no kqueue), so it looks again. */
const firstIntervalMs = 2;
const longestIntervalMs = 50;
const unkillableAfterMs = 5000;
/** For how long it is tried again to look where that cannot be done. */
const blindForMs = 5000;

/**
 * Ends everything that `find` finds, and what appears meanwhile: the stop command, if any; `signal` to each once (SIGCONT behind it to those that
 * are stopped), then after `killAfterMs` SIGKILL. Returns when two looks in a row found nothing, or with survivors.
 * Whoever is signalled is identified right before. Zombies are gone.
 */
export async function terminate(options: TerminateOptions): Promise<TerminateResult> {
  const ending = new Ending(options);
  if (options.stopCommand !== undefined) await ending.askBy(options.stopCommand);
  const isDone = options.signal !== "SIGKILL" && (await ending.ask());
  const survivors = isDone ? [] : await ending.kill();
  return { ended: ending.ended, survivors };
}

interface Target {
  readonly entry: ProcessEntry;
  /** As it was last seen: a process begins with the command of the one it was forked from. */
  command: string;
  how: EndedProcess["how"];
  isAsked: boolean;
  isFrozen: boolean;
  isRefused: boolean;
}

class Ending {
  readonly ended: EndedProcess[] = [];
  readonly #options: TerminateOptions;
  readonly #clock: Clock;
  readonly #open = new Map<string, Target>();

  constructor(options: TerminateOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** What is there now and gone at the next look has ended by this. */
  async askBy(stopCommand: () => Promise<void>): Promise<void> {
    if ((await this.#look()).length === 0) return;
    await stopCommand();
    for (const target of this.#open.values()) target.how = "stop_command";
  }

  /** @returns whether nothing is left */
  async ask(): Promise<boolean> {
    const { abort, killAfterMs, signal } = this.#options;
    let deadline: number | null = null;
    for (let intervalMs = firstIntervalMs; ; intervalMs = longer(intervalMs)) {
      if (abort?.aborted === true) return false;
      const left = await this.#look();
      if (left.length === 0) return true;
      // Not before anybody could be asked, which may take a while where nobody can look.
      deadline ??= this.#clock.now() + killAfterMs;
      for (const [target, entry] of left) {
        target.isAsked ||= this.#send(target, signal);
        // A stopped process gets no signal but SIGKILL until it is continued.
        if (entry.state === "stopped") this.#send(target, "SIGCONT");
      }
      const leftMs = deadline - this.#clock.now();
      if (leftMs <= 0) return false;
      await this.#clock.sleep(Math.min(intervalMs, leftMs), abort);
    }
  }

  /** @returns who could not be ended */
  async kill(): Promise<readonly Survivor[]> {
    const deadline = this.#clock.now() + unkillableAfterMs;
    for (let intervalMs = firstIntervalMs; ; intervalMs = longer(intervalMs)) {
      const left = await this.#freeze(deadline);
      for (const [target] of left) this.#send(target, "SIGKILL");
      const isHopeless = left.every(([target]) => target.isRefused);
      if (isHopeless || this.#clock.now() >= deadline) return left.map(survivorOf);
      await this.#clock.sleep(intervalMs);
    }
  }

  /**
   * Stops everything until a look finds nothing new: a process that forks faster than it can be killed one by one holds
   * still then. The newest first, which are the ones that may be gone in a moment, leaving others.
   */
  async #freeze(deadline: number): Promise<readonly Sighting[]> {
    for (;;) {
      const left = await this.#look();
      const moving = left.filter(([target]) => !target.isFrozen);
      if (moving.length === 0 || this.#clock.now() >= deadline) return left;
      for (const [target] of moving.toReversed()) {
        this.#send(target, "SIGSTOP");
        target.isFrozen = true;
      }
    }
  }

  /** What cannot be looked at now (no descriptor is left, say) is there until a look tells otherwise. */
  async #look(): Promise<readonly Sighting[]> {
    for (const deadline = this.#clock.now() + blindForMs; ;) {
      try {
        return await this.#lookTwice();
      } catch (error) {
        if (!(error instanceof Failure) || this.#clock.now() >= deadline) throw error;
        await this.#clock.sleep(longestIntervalMs);
      }
    }
  }

  /** What is left, seen twice to be nothing: a process can hand itself on to a child during one look. */
  async #lookTwice(): Promise<readonly Sighting[]> {
    const left = await this.#lookOnce();
    return left.length > 0 || this.ended.length === 0 ? left : this.#lookOnce();
  }

  async #lookOnce(): Promise<readonly Sighting[]> {
    const found = (await this.#options.find()).filter(({ state }) => state !== "zombie");
    const left = found.map((entry): Sighting => [this.#targetOf(entry), entry]);
    const seen = new Set(left.map(([target]) => target));
    const unseen = [...this.#open.values()].filter((target) => !seen.has(target));
    return unseen.length === 0 ? left : [...left, ...(await this.#stillThere(unseen))];
  }

  /** What `find` lost sight of is not gone for that: its parent may have died, and with it the descent. */
  async #stillThere(unseen: readonly Target[]): Promise<readonly Sighting[]> {
    const there = new Map((await this.#options.table.list()).map((entry) => [keyOf(entry.identity), entry]));
    return unseen.flatMap((target): Sighting[] => {
      const entry = there.get(keyOf(target.entry.identity));
      if (entry !== undefined && entry.state !== "zombie") return [[target, entry]];
      this.#close(target);
      return [];
    });
  }

  #targetOf(entry: ProcessEntry): Target {
    const key = keyOf(entry.identity);
    const target = this.#open.get(key) ?? newTarget(entry);
    this.#open.set(key, target);
    if (entry.argv.length > 0) target.command = entry.command;
    return target;
  }

  #close({ entry, command, how }: Target): void {
    this.#open.delete(keyOf(entry.identity));
    this.ended.push({ pid: entry.pid, command, how, started_at: entry.startedAt.toISOString() });
  }

  /** @returns false when nobody could look whether the process is still the one that is meant */
  #send(target: Target, signal: NodeJS.Signals): boolean {
    const result = this.#tryToSignal(target.entry.identity, signal);
    if (result === "signalled" && !isHelper(signal)) target.how = signal;
    target.isRefused = result === "not_permitted" || result === "not_ours";
    return result !== null;
  }

  #tryToSignal(identity: ProcessIdentity, signal: NodeJS.Signals): SignalResult | null {
    try {
      return (this.#options.signalOne ?? signalProcess)(identity, signal);
    } catch (error) {
      if (error instanceof Failure) return null;
      throw error;
    }
  }
}

/** Signals that only prepare the one that ends. */
function isHelper(signal: NodeJS.Signals): boolean {
  return signal === "SIGCONT" || signal === "SIGSTOP";
}

function newTarget(entry: ProcessEntry): Target {
  // Read now, because when it is gone it has none.
  return { entry, command: entry.command, how: "exited", isAsked: false, isFrozen: false, isRefused: false };
}

type Sighting = readonly [Target, ProcessEntry];

function survivorOf([{ command, isRefused }, { pid }]: Sighting): Survivor {
  return { pid, command, why: isRefused ? "not_permitted" : "survived_sigkill" };
}

function keyOf({ pid, started }: ProcessIdentity): string {
  return `${pid}:${started}`;
}

function longer(intervalMs: number): number {
  return Math.min(intervalMs * 1.5, longestIntervalMs);
}
