import type { SessionInfo } from "../session/session-info.ts";
import type { AgentExit } from "./agent.ts";

/** As containers are restarted: the delay doubles from 100 ms, and begins anew for an agent that ran for 10 s (docs.docker.com). */
const firstDelayMs = 100;
const longestDelayMs = 60_000;
const stableAfterMs = 10_000;

/** Whether an agent that ended by itself is started again, and how soon. */
export class RestartPlan {
  readonly #policy: SessionInfo["restart"];
  readonly #most: number;
  #delayMs = firstDelayMs;
  #count = 0;

  constructor({ restart, max_restarts: most }: Pick<SessionInfo, "restart" | "max_restarts">) {
    this.#policy = restart;
    this.#most = most ?? Number.POSITIVE_INFINITY;
  }

  /** How often it has been started again. */
  get count(): number {
    return this.#count;
  }

  /**
   * @param ranMs how long it ran
   * @returns how long to wait before it is started again; null: it stays ended
   */
  next(exit: Pick<AgentExit, "code" | "signal">, ranMs: number): number | null {
    const failed = exit.signal !== null || exit.code !== 0;
    const isWanted = this.#policy === "always" || (this.#policy === "on-failure" && failed);
    if (!isWanted || this.#count >= this.#most) return null;
    if (ranMs >= stableAfterMs) this.#delayMs = firstDelayMs;
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(2 * delayMs, longestDelayMs);
    this.#count += 1;
    return delayMs;
  }
}
