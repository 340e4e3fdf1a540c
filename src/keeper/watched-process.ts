import { startTimer, systemClock } from "../process/clock.ts";
import { livenessOf, type Liveness, type ProcessIdentity } from "../process/identity.ts";
import type { AgentExit } from "./agent.ts";

export interface WatchOptions {
  /** Aborted: look at once, and go on watching. */
  readonly hint?: AbortSignal | undefined;
  /** Aborted: stop watching, and resolve. */
  readonly signal?: AbortSignal;
  /**
   * Calls back once a second, until what it returns is called: who is awake then anyway has the look for next to nothing,
   * and of its own timer most of the cost is to wake up.
   */
  readonly everySecond?: (listener: () => void) => () => void;
}

/**
 * Node has no way to await the end of a process that is not its child (no pidfd, no kqueue), so it looks again. What
 * fails mostly does so soon; a process that has run for long is looked at once a second.
 */
const firstIntervalMs = 5;
const longestIntervalMs = 1_000;
const growth = 1.1;

/**
 * Resolves when a process that is no child of this one is gone. How it ended only its parent learns, so code and signal
 * are unknown; and its number may have been given out again since it was last seen.
 */
export async function exitOfStranger(
  identity: ProcessIdentity,
  { hint, signal, everySecond }: WatchOptions = {},
): Promise<Required<AgentExit>> {
  let wake = (): void => undefined;
  const wakeUp = (): void => wake();
  hint?.addEventListener("abort", wakeUp, { once: true });
  signal?.addEventListener("abort", wakeUp, { once: true });
  const unsubscribe = everySecond?.(wakeUp);
  let seenAtMs = Number.NEGATIVE_INFINITY;
  const isOver = () => {
    const lookedAtMs = systemClock.now();
    const liveness = look(identity);
    if (liveness === "alive") seenAtMs = lookedAtMs;
    return signal?.aborted === true || liveness === "dead";
  };
  for (let intervalMs = firstIntervalMs; !isOver(); intervalMs = Math.min(intervalMs * growth, longestIntervalMs)) {
    const needsTimer = everySecond === undefined || intervalMs < longestIntervalMs;
    const woken = new Promise<void>((resolve) => (wake = resolve));
    const timer = needsTimer ? startTimer(intervalMs, wakeUp) : null;
    await woken;
    timer?.clear();
  }
  unsubscribe?.();
  hint?.removeEventListener("abort", wakeUp);
  signal?.removeEventListener("abort", wakeUp);
  return { code: null, signal: null, at: new Date(), seenAtMs };
}

/** What cannot be looked at now (no descriptor is left, say) is there until a look tells otherwise. */
function look(identity: ProcessIdentity): Liveness {
  try {
    return livenessOf(identity);
  } catch {
    return "unknown";
  }
}
