import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";

export interface UntilOptions {
  /** How long it may take; the default is generous, because nothing waits longer than it has to. */
  readonly withinMs?: number;
  /** How often to look; 0: as often as possible, to be there in the moment when something happens. */
  readonly everyMs?: number;
  /** What is waited for, for the message of a failure. */
  readonly what?: string;
}

/**
 * Waits for a condition, looking every 10 ms if nothing else is said: the only place of the command line's tests that polls. A condition that
 * throws does not hold yet; what it threw last is the cause of the failure.
 * @returns the first thing that is neither null, undefined nor false
 * @throws Error when it does not hold in time
 */
export async function until<Result>(
  condition: () => Result | Promise<Result>,
  options: UntilOptions = {},
): Promise<Exclude<Result, null | undefined | false>> {
  const { withinMs = 15_000, everyMs = 10, what = condition.toString() } = options;
  const deadline = performance.now() + withinMs;
  for (;;) {
    let cause: unknown;
    try {
      const result = await condition();
      if (result !== null && result !== undefined && result !== false) {
        return result as Exclude<Result, null | undefined | false>;
      }
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) throw new Error(`Not within ${withinMs} ms: ${what}`, { cause });
    await (everyMs === 0 ? nextTurn() : sleep(everyMs));
  }
}
