import type { Config } from "../home/config.ts";

/** What those who append events, or end their process, have to know of hooks. */
export interface HookCalls {
  /** Runs a task; hooks of what it appends begin when it is over. */
  hold<Result>(task: () => Promise<Result>): Promise<Result>;
  /** Resolves when the hook of every event appended so far has ended: after 10 s a hook at the latest. Never rejects. */
  settled(): Promise<void>;
}

/** Where none are fired. */
export const noHooks: HookCalls = { hold: (task) => task(), settled: () => Promise.resolve() };

/**
 * A holdfast that a hook calls, and what that starts, fires none, or a hook could go round for ever. It is known by the
 * hook's HOLDFAST_HOOK.
 */
export function firesHooks(hooks: Config["hooks"], env: NodeJS.ProcessEnv): boolean {
  return !env["HOLDFAST_HOOK"] && Object.keys(hooks).length > 0;
}
