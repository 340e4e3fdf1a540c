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
  readonly #listeners: readonly (readonly [NodeJS.Signals, () => void])[];
  #keeper: SessionKeeper | null = null;
  readonly #early: NodeJS.Signals[] = [];
  #isBegun = false;
  #interrupts = 0;
  #isListening = false;

  constructor(context: Context) {
    this.#context = context;
    this.#listeners = forwardedSignals.map((signal) => [signal, () => this.#receive(signal)] as const);
  }

  /** Keeps signals from ending this process. As long as nothing is held they are for whoever listens beside this. */
  listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    for (const [signal, listener] of this.#listeners) process.on(signal, listener);
  }

  /** The lock is held: from now on signals are for its command. */
  hold(keeper: SessionKeeper): void {
    this.#keeper = keeper;
    this.listen();
  }

  /** The command runs: what came before goes to it now. */
  begin(): void {
    this.#isBegun = true;
    for (const signal of this.#early) this.#receive(signal);
  }

  /** From now on it takes no signals. */
  stop(): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
  }

  #receive(signal: NodeJS.Signals): void {
    const keeper = this.#keeper;
    if (keeper === null) return;
    if (!this.#isBegun) {
      this.#early.push(signal);
      return;
    }
    if (signal === "SIGTERM" && keeper.endIfRequested()) return;
    if (signal === "SIGINT") this.#interrupts += 1;
    if (this.#interrupts > 1) {
      keeper.end({ reason: "stopped", signal: "SIGKILL", killAfterMs: 0 });
      return;
    }
    // Whatever kept it from being passed on, the next signal may succeed, and the second INT always does.
    this.#pass(keeper, signal).catch(() => undefined);
  }

  async #pass({ session }: SessionKeeper, signal: NodeJS.Signals): Promise<void> {
    await passSignal(await this.#context.processes(), rootsOf(session), signal, { session: session.uid, depth: 0 });
  }
}
