import { Failure } from "../failure.ts";
import { parseDuration } from "../home/duration.ts";
import { abortAfter, systemClock } from "../process/clock.ts";
import { LeftLine, type SessionWait, type WaitNotice } from "../session/place-in-line.ts";
import { holdsTheLock, stopStep } from "../session/refusals.ts";
import type { Cli } from "./cli.ts";
import type { Presenter } from "./present/presenter.ts";

const redrawMs = 1_000;

/** What ends a wait from outside, in the words of the log. */
const interruptions = [
  ["SIGINT", "interrupted"],
  ["SIGTERM", "terminated"],
  ["SIGHUP", "hung up"],
] as const;

/**
 * A wait for the lock as a person sees it: told when it changes, given up after a time. A signal ends it properly, so
 * that its place is free at once and the log says why; then it does to this process what it does to any other.
 */
export class Waiting {
  readonly #cli: Cli;
  readonly #id: string;
  readonly #begunAt = systemClock.now();
  readonly #limitMs: number | null;
  readonly #giveUp = new AbortController();
  readonly #listeners = interruptions.map(([signal, why]) => [signal, () => this.#interrupt(signal, why)] as const);
  readonly #patience: AbortSignal | null = null;
  #interruption: NodeJS.Signals | null = null;
  #notice: WaitNotice | null = null;
  #redraw: NodeJS.Timeout | undefined;
  #shown: Promise<Presenter> | undefined;

  /** @param limitMs null: for as long as it takes */
  constructor(cli: Cli, id: string, limitMs: number | null) {
    this.#cli = cli;
    this.#id = id;
    this.#limitMs = limitMs;
    if (limitMs === null) return;
    const patience = abortAfter(limitMs);
    patience.addEventListener("abort", () => this.#giveUp.abort(patience.reason), { once: true });
    this.#patience = patience;
  }

  /** What the wait for the lock is to be given: by it that one is told, and given up. */
  get wait(): SessionWait {
    return { signal: this.#giveUp.signal, onWaiting: (notice) => this.#changed(notice) };
  }

  /** Runs what waits, and tells a wait that was given up from any other failure. */
  async during<Result>(task: Promise<Result>): Promise<Result> {
    for (const [signal, listener] of this.#listeners) process.on(signal, listener);
    try {
      return await task;
    } catch (error) {
      if (error instanceof LeftLine) return await this.#die();
      const isTimeout = this.#patience?.aborted === true && error === this.#patience.reason;
      throw isTimeout ? this.#gaveUp() : error;
    } finally {
      await this.#over();
      // It came too late: it is for the command, for which whoever has the lock now takes signals in a moment.
      const interruption = this.#interruption;
      if (interruption !== null) setImmediate(() => process.kill(process.pid, interruption));
    }
  }

  /** Dies of the signal that ended the wait, so that whoever started this process sees the truth. */
  async #die(): Promise<never> {
    await this.#over();
    const signal = this.#interruption ?? "SIGTERM";
    // Nobody else may take it first, as a library does under a lease: with nothing left to do, this process would have exited
    // with 0 before the signal came back to it, and whoever started it would take that for success.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
    return new Promise(() => undefined);
  }

  async #over(): Promise<void> {
    clearInterval(this.#redraw);
    (await this.#shown)?.waitingOver();
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
  }

  #interrupt(signal: NodeJS.Signals, why: string): void {
    this.#interruption = signal;
    this.#giveUp.abort(new LeftLine(why));
  }

  #changed(notice: WaitNotice): void {
    this.#notice = notice;
    this.#show();
    // In place, on a terminal, the time it has taken goes on.
    if (process.stderr.isTTY) this.#redraw ??= setInterval(() => this.#show(), redrawMs).unref();
  }

  #show(): void {
    const notice = this.#notice;
    if (notice === null) return;
    const waitedSeconds = (systemClock.now() - this.#begunAt) / 1000;
    this.#shown ??= this.#cli.show();
    void this.#shown.then((presenter) => presenter.waiting({ id: this.#id, ...notice, waitedSeconds }));
  }

  #gaveUp(): Failure {
    const holder = this.#notice?.holder ?? null;
    const whom = holder === null ? "" : `: ${holdsTheLock(holder)}`;
    return new Failure("WAIT_TIMEOUT", `Gave up waiting after ${(this.#limitMs ?? 0) / 1000} s${whom}`, {
      facts: {
        waited_seconds: (this.#limitMs ?? 0) / 1000,
        ...(holder === null ? {} : { holder, also_held_by: this.#notice?.alsoHeldBy ?? [] }),
      },
      next: [
        { does: "look", command: "holdfast status" },
        ...(holder === null || holder.ending ? [] : [stopStep(this.#cli, holder)]),
      ],
    });
  }
}

/**
 * How long to wait for the lock: undefined: not at all; null: for as long as it takes.
 * @param text what `--wait` said; 0 means do not wait
 */
export function parseWait(text: string | undefined, otherwise: null | undefined): number | null | undefined {
  if (text === undefined) return otherwise;
  const ms = parseDuration(text, "--wait");
  return ms === 0 ? undefined : ms;
}
