import { setTimeout as sleep } from "node:timers/promises";

export interface UntilOptions {
  /** How long it may take; the default is generous, because nothing waits longer than it has to. */
  readonly withinMs?: number;
  /** What is waited for, for the message of a failure. */
  readonly what?: string;
}

const lookEveryMs = 10;

/**
 * Waits for a condition, looking every 10 ms: the only place of the command line's tests that polls. A condition that
 * throws does not hold yet; what it threw last is the cause of the failure.
 * @returns the first thing that is neither null, undefined nor false
 * @throws Error when it does not hold in time
 */
export async function until<Result>(
  condition: () => Result | Promise<Result>,
  options: UntilOptions = {},
): Promise<Exclude<Result, null | undefined | false>> {
  const { withinMs = 15_000, what = condition.toString() } = options;
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
    await sleep(lookEveryMs);
  }
}
