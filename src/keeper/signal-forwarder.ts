import type { Context } from "../session/context.ts";
import { rootsOf } from "../session/session-roots.ts";
import { passSignal } from "./pass-signal.ts";
import type { SessionKeeper } from "./session-keeper.ts";

export const forwardedSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Passes INT, TERM and HUP on to the command's whole tree, from the moment the lock is held: a signal that comes before
 * the command runs reaches it when it does. A second INT ends the command with SIGKILL; TERM with a stop request ends
 * it as requested.
 */
export class SignalForwarder {
  readonly #context: Context;
  readonly #keeper: SessionKeeper;
  readonly #listeners: readonly (readonly [NodeJS.Signals, () => void])[];
  #early: NodeJS.Signals[] | null = [];
  #interrupts = 0;

  constructor(context: Context, keeper: SessionKeeper) {
    this.#context = context;
    this.#keeper = keeper;
    this.#listeners = forwardedSignals.map((signal) => [signal, () => this.#receive(signal)] as const);
    for (const [signal, listener] of this.#listeners) process.on(signal, listener);
  }

  /** The command runs: what came before goes to it now. */
  begin(): void {
    const early = this.#early ?? [];
    this.#early = null;
    for (const signal of early) this.#receive(signal);
  }

  stop(): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
  }

  #receive(signal: NodeJS.Signals): void {
    if (this.#early !== null) {
      this.#early.push(signal);
      return;
    }
    if (signal === "SIGTERM" && this.#keeper.endIfRequested()) return;
    if (signal === "SIGINT") this.#interrupts += 1;
    if (this.#interrupts > 1) {
      this.#keeper.end({ reason: "stopped", signal: "SIGKILL", killAfterMs: 0 });
      return;
    }
    // Whatever kept it from being passed on, the next signal may succeed, and the second INT always does.
    this.#pass(signal).catch(() => undefined);
  }

  async #pass(signal: NodeJS.Signals): Promise<void> {
    const { session } = this.#keeper;
    await passSignal(await this.#context.processes(), rootsOf(session), signal, { session: session.uid, depth: 0 });
  }
}
