/** Time as a parameter, so that logic that waits can be tested without waiting. */
export interface Clock {
  /** Milliseconds from an arbitrary point, never going back. */
  now(): number;
  /** Resolves after `ms`, or as soon as `signal` is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  // `performance` would do too, but is loaded when it is first used: 1 ms of every start.
  now: () => Number(process.hrtime.bigint()) / 1e6,
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      const wake = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      signal?.addEventListener("abort", wake);
    }),
};

/** Whether something does not hold any more within so long: looked at again and again. */
export async function ceases(holds: () => Promise<boolean>, withinMs: number, lookEveryMs: number): Promise<boolean> {
  const deadline = systemClock.now() + withinMs;
  while (await holds()) {
    if (systemClock.now() >= deadline) return false;
    await systemClock.sleep(lookEveryMs);
  }
  return true;
}

/** Node's timers end a wait of more than 24.8 days at once. */
const longestTimerMs = 2 ** 31 - 1;

/** Calls back once after `ms`, however long that is. */
export function startTimer(ms: number, callBack: () => void): { clear(): void } {
  const deadline = systemClock.now() + ms;
  let timer: NodeJS.Timeout;
  const arm = (): void => {
    const remaining = deadline - systemClock.now();
    timer = setTimeout(remaining > longestTimerMs ? arm : callBack, Math.min(Math.max(remaining, 0), longestTimerMs));
  };
  arm();
  return { clear: () => clearTimeout(timer) };
}

/** An abort signal that fires after `ms`, however long that is. */
export function abortAfter(ms: number): AbortSignal {
  const controller = new AbortController();
  startTimer(ms, () => controller.abort(new DOMException("The time is up", "TimeoutError")));
  return controller.signal;
}
