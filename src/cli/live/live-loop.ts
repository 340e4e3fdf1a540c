import { Failure } from "../../failure.ts";
import { systemClock } from "../../process/clock.ts";
import type { SessionInfo } from "../../session/session-info.ts";
import type { Status } from "../../session/status.ts";
import type { Stopped } from "../../session/stop.ts";
import type { LiveFrame, LiveView } from "../present/live-view.ts";
import { CpuUse } from "./cpu-use.ts";

/** What a live view looks at, and what its keys do. */
export interface LiveSource {
  readonly root: string;
  readonly look: () => Promise<Status>;
  /** The last lines of what the session's agent wrote, as text. */
  readonly outputOf: (session: SessionInfo, lines: number) => string;
  /** Ends this very session. */
  readonly stop: (session: SessionInfo) => Promise<Stopped>;
}

/** How a person left: for good, or into the session. */
export type LiveEnd = { readonly kind: "quit" } | { readonly kind: "join"; readonly session: SessionInfo };

const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** More than a terminal has rows: one that grows has them at once. */
const mostLines = 200;
/** Ctrl-C, which is a key like any other while the view has the terminal. */
const interrupt = "\u0003";

/**
 * Looks again and again, shows what it saw, and does what keys say:
 *
 *     watching ──s──▶ asked ──y──▶ stopping ──▶ watching
 *        │              └─any other key─▶ watching
 *        ├──j──▶ join      q, Ctrl-C, a signal ──▶ quit
 */
export class LiveLoop {
  readonly #view: LiveView;
  readonly #source: LiveSource;
  readonly #everyMs: number;
  readonly #cpuUse = new CpuUse();
  readonly #over = new AbortController();
  #end: LiveEnd = { kind: "quit" };
  #seen: Pick<LiveFrame, "status" | "recent" | "output"> | null = null;
  #said: LiveFrame["said"] = null;
  /** The session that a person is asked about. */
  #asked: SessionInfo | null = null;
  #isStopping = false;

  constructor(view: LiveView, source: LiveSource, everyMs: number) {
    this.#view = view;
    this.#source = source;
    this.#everyMs = everyMs;
  }

  /**
   * Returns when a person or a signal ends it; the terminal is as it was before then, also when it throws.
   * @throws Failure when not even the first look succeeds; a later one that fails is shown, and repeated
   */
  async run(): Promise<LiveEnd> {
    const quit = (): void => this.#finish({ kind: "quit" });
    for (const signal of endingSignals) process.on(signal, quit);
    try {
      await this.#look();
      if (this.#over.signal.aborted) return this.#end;
      this.#view.open({ onKey: (key) => this.#key(key), onRedraw: () => this.#show(), onGone: quit });
      this.#show();
      // A look that takes its time does not hold up who wants to leave.
      await Promise.race([this.#ended(), this.#watch()]);
      return this.#end;
    } finally {
      this.#view.close();
      for (const signal of endingSignals) process.off(signal, quit);
    }
  }

  async #watch(): Promise<void> {
    const { signal } = this.#over;
    let problem = "";
    for (;;) {
      await systemClock.sleep(this.#everyMs, signal);
      if (signal.aborted) return;
      try {
        await this.#look();
        problem = "";
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        // What goes wrong each time is said once.
        if (error.message !== problem) this.#said = error;
        problem = error.message;
      }
      this.#show();
    }
  }

  async #look(): Promise<void> {
    const status = await this.#source.look();
    const recent = this.#cpuUse.since(status, systemClock.now());
    const [first] = status.sessions;
    const isShown = first !== undefined && this.#view.showsOutput;
    const output = isShown ? this.#source.outputOf(first.session, mostLines) : "";
    this.#seen = { status, recent, output };
  }

  #show(): void {
    if (this.#seen === null || this.#over.signal.aborted) return;
    const { root } = this.#source;
    this.#view.show({ root, ...this.#seen, said: this.#said, asked: this.#asked?.id ?? null });
  }

  #key(key: string): void {
    const asked = this.#asked;
    this.#asked = null;
    if (!this.#isStopping) this.#said = null;
    if (key === interrupt) this.#finish({ kind: "quit" });
    else if (asked !== null) this.#answered(asked, key);
    else if (key === "q") this.#finish({ kind: "quit" });
    else if (key === "s" && !this.#isStopping) this.#asked = this.#onlySession("stop");
    else if (key === "j") this.#join();
    this.#show();
  }

  #answered(session: SessionInfo, key: string): void {
    if (key === "y" || key === "Y") void this.#stop(session);
  }

  #join(): void {
    const session = this.#onlySession("join");
    if (session !== null) this.#finish({ kind: "join", session });
  }

  async #stop(session: SessionInfo): Promise<void> {
    this.#isStopping = true;
    this.#said = `Stopping ${session.id} …`;
    try {
      this.#said = await this.#source.stop(session);
      await this.#look();
    } catch (error) {
      // Whatever it is, the session's state is what the next look shows.
      this.#said = error instanceof Error ? error : new Error(String(error));
    }
    this.#isStopping = false;
    this.#show();
  }

  /** The session a key means; null, and why, when there is none or more than one. */
  #onlySession(verb: "join" | "stop"): SessionInfo | null {
    const sessions = this.#seen?.status.sessions ?? [];
    const [first, second] = sessions;
    if (first !== undefined && second === undefined) return first.session;
    const ids = sessions.map(({ session }) => session.id).join(", ");
    this.#said = first === undefined ? "No active session" : `Which one? holdfast ${verb} ID; active are ${ids}`;
    return null;
  }

  #finish(end: LiveEnd): void {
    this.#end = end;
    this.#over.abort();
  }

  #ended(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#over.signal.aborted) resolve();
      else this.#over.signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }
}
