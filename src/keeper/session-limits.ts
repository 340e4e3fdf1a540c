import { startTimer } from "../process/clock.ts";
import { findTree } from "../process/tree.ts";
import { writtenBytes } from "../process/written-bytes.ts";
import { lastSignOfLife } from "../session/activity.ts";
import { liveClients } from "../session/clients.ts";
import type { Context } from "../session/context.ts";
import type { SessionInfo } from "../session/session-info.ts";
import { rootsOf } from "../session/session-roots.ts";
import { Silence } from "../session/silence.ts";

export type LimitReached = "max_time" | "idle_timeout";

/** Watches how long a session runs and how long it has been silent; says once when a limit is reached. */
export class SessionLimits {
  readonly #context: Context;
  readonly #session: () => SessionInfo;
  readonly #reached: (limit: LimitReached) => void;
  readonly #timer: { clear(): void } | null;
  readonly #silence = new Silence();

  /** @param session as it is now: the agent may change by a restart */
  constructor(context: Context, session: () => SessionInfo, reached: (limit: LimitReached) => void) {
    this.#context = context;
    this.#session = session;
    this.#reached = reached;
    const { max_time_ms: maxTimeMs } = session();
    this.#timer = maxTimeMs === null ? null : startTimer(maxTimeMs, () => reached("max_time"));
  }

  /** Looks whether the session has been silent for too long: without output, and without a client. */
  async look(): Promise<void> {
    const { idle_ms: idleMs } = this.#session();
    if (idleMs === null) return;
    const isAttended = liveClients(this.#context, this.#session()).length > 0;
    const silentMs = this.#silence.lastsMs(isAttended ? null : await this.#activity());
    if (silentMs >= idleMs) this.#reached("idle_timeout");
  }

  /** From now on the longest time is not reached any more. */
  clear(): void {
    this.#timer?.clear();
  }

  /** A number that changes whenever the agent gives a sign of life. What `run` writes goes past us, so it is counted. */
  async #activity(): Promise<number | null> {
    const session = this.#session();
    if (session.mode === "background") return lastSignOfLife(this.#context.home, session).getTime();
    return writtenBytes(await findTree(await this.#context.processes(), rootsOf(session)));
  }
}
