import { systemClock } from "../process/clock.ts";
import { livenessOf, type ProcessIdentity } from "../process/identity.ts";
import type { AgentExit } from "./agent.ts";

export interface WatchOptions {
  /** Aborted: look at once, and go on watching. */
  readonly hint?: AbortSignal | null;
  /** Aborted: stop watching, and resolve. */
  readonly signal?: AbortSignal;
}

/**
 * Node has no way to await the end of a process that is not its child (no pidfd, no kqueue), so it looks again. What
 * fails mostly does so soon; a process that has run for long is looked at once a second, which costs next to nothing.
 */
const firstIntervalMs = 5;
const longestIntervalMs = 1_000;
const growth = 1.1;

/**
 * Resolves when a process that is no child of this one is gone. How it ended only its parent learns, so code and signal
 * are unknown.
 */
export async function exitOfStranger(
  identity: ProcessIdentity,
  { hint = null, signal }: WatchOptions = {},
): Promise<AgentExit> {
  const wakers = [hint, signal].filter((each) => each != null);
  // Made once: in the keeper's many days each one would stay in memory for a while.
  const both = wakers.length === 0 ? undefined : AbortSignal.any(wakers);
  const isOver = () => signal?.aborted === true || livenessOf(identity) === "dead";
  for (let intervalMs = firstIntervalMs; !isOver(); intervalMs = Math.min(intervalMs * growth, longestIntervalMs)) {
    await systemClock.sleep(intervalMs, hint?.aborted === true ? signal : both);
  }
  return { code: null, signal: null, at: new Date() };
}
