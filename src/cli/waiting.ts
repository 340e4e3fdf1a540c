import { Failure } from "../failure.ts";
import { abortAfter, systemClock } from "../process/clock.ts";
import { parseDuration } from "../home/duration.ts";
import type { WaitOptions, WaitView } from "../lock/lock.ts";
import type { Context } from "../session/context.ts";
import { holderCard, type HolderCard } from "../session/refusals.ts";
import { holdOf, type WaiterInfo } from "../session/session-info.ts";
import type { Cli } from "./cli.ts";
import type { Presenter } from "./present/presenter.ts";

/** How often a wait is shown again although nothing changed: in place on a terminal, as a line in a log. */
const redrawMs = { terminal: 1_000, log: 60_000 } as const;

/** A wait for the lock as a person sees it: told when it changes, and given up after a time. */
export class Waiting {
  readonly #cli: Cli;
  readonly #context: Context;
  readonly #id: string;
  readonly #begunAt = systemClock.now();
  readonly #patience: AbortSignal | undefined;
  readonly #limitMs: number | null;
  #view: WaitView | null = null;
  #redraw: NodeJS.Timeout | undefined;
  #shown: Promise<Presenter> | undefined;

  /** @param limitMs null: for as long as it takes */
  constructor(cli: Cli, context: Context, id: string, limitMs: number | null) {
    this.#cli = cli;
    this.#context = context;
    this.#id = id;
    this.#limitMs = limitMs;
    this.#patience = limitMs === null ? undefined : abortAfter(limitMs);
  }

  options(info: WaiterInfo): WaitOptions {
    return {
      info,
      onWaiting: (view) => this.#changed(view),
      ...(this.#patience === undefined ? {} : { signal: this.#patience }),
    };
  }

  /** Runs what waits, and tells a wait that was given up from any other failure. */
  async during<Result>(task: Promise<Result>): Promise<Result> {
    try {
      return await task;
    } catch (error) {
      if (this.#patience?.aborted === true && error === this.#patience.reason) throw this.#gaveUp();
      throw error;
    } finally {
      clearInterval(this.#redraw);
      (await this.#shown)?.waitingOver();
    }
  }

  #changed(view: WaitView): void {
    this.#view = view;
    this.#show();
    clearInterval(this.#redraw);
    const everyMs = process.stderr.isTTY ? redrawMs.terminal : redrawMs.log;
    this.#redraw = setInterval(() => this.#show(), everyMs).unref();
  }

  #show(): void {
    const notice = {
      id: this.#id,
      position: this.#view?.position ?? 1,
      holder: this.#holder(),
      waitedSeconds: (systemClock.now() - this.#begunAt) / 1000,
    };
    this.#shown ??= this.#cli.show();
    void this.#shown.then((presenter) => presenter.waiting(notice));
  }

  #holder(): HolderCard | null {
    const holder = this.#view?.holder ?? null;
    const session = holder === null ? null : holdOf(holder).session;
    return holder === null || session === null ? null : holderCard(this.#context, holder, session);
  }

  #gaveUp(): Failure {
    const holder = this.#holder();
    const whom = holder === null ? "" : `: ${holder.id} holds the lock`;
    return new Failure("WAIT_TIMEOUT", `Gave up waiting after ${(this.#limitMs ?? 0) / 1000} s${whom}`, {
      facts: { waited_seconds: (this.#limitMs ?? 0) / 1000, ...(holder === null ? {} : { holder }) },
      next: [
        { does: "look", command: "holdfast status" },
        ...(holder === null ? [] : [{ does: "stop it", command: `holdfast stop ${holder.id}` }]),
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
