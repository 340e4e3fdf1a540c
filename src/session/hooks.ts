import { errorText } from "../failure.ts";
import type { Config } from "../home/config.ts";
import type { Actor, EventInput } from "../journal/event.ts";
import type { HookCalls } from "./hook-calls.ts";
import { runHookCommand, type HookCommand, type HookFailure } from "./hook-command.ts";
import { hookEnvironment } from "./hook-environment.ts";

export interface HooksOptions {
  readonly commands: Config["hooks"];
  /** The project's root, where hooks run. */
  readonly root: string;
  readonly state: string;
  readonly env: NodeJS.ProcessEnv;
  readonly by: Actor;
  /** Writes to the event log. */
  readonly append: (event: EventInput) => void;
  /** Whether this hook may run for a session that this process does not keep itself. */
  readonly hasConsent: (hook: string, command: string) => boolean;
  /** Runs one command; null when it did well. */
  readonly run?: (command: HookCommand) => Promise<HookFailure | null>;
}

/** How long one hook may take. */
const hookTimeoutMs = 10_000;

/**
 * The hooks of one process: for each event it appends, the configured command, one after another in the order of the
 * events. A hook that fails is logged (`hook_failed`) and changes nothing else.
 */
export class Hooks implements HookCalls {
  readonly #options: HooksOptions;
  #last: Promise<void> = Promise.resolve();
  #holds = 0;
  readonly #held: (() => Promise<void>)[] = [];

  constructor(options: HooksOptions) {
    this.#options = options;
  }

  /** Fires the hook of an event, if it has one. @param line the event as it stands in the log */
  fire(event: EventInput, line: string): void {
    const command = new Map(Object.entries(this.#options.commands)).get(event.event);
    if (command === undefined) return;
    this.#held.push(() => this.#call(command, event, line));
    this.#proceed();
  }

  async hold<Result>(task: () => Promise<Result>): Promise<Result> {
    this.#holds += 1;
    try {
      return await task();
    } finally {
      this.#holds -= 1;
      this.#proceed();
    }
  }

  settled(): Promise<void> {
    return this.#last;
  }

  #proceed(): void {
    if (this.#holds > 0) return;
    for (const call of this.#held.splice(0)) this.#last = this.#last.then(call);
  }

  async #call(command: string, event: EventInput, line: string): Promise<void> {
    const failure = await this.#run(command, event, line);
    if (failure === null) return;
    const { lock, session, uid, token } = event;
    try {
      this.#options.append({
        event: "hook_failed",
        lock,
        ...(session === undefined ? {} : { session }),
        ...(uid === undefined ? {} : { uid }),
        ...(token === undefined ? {} : { token }),
        by: this.#options.by,
        hook: event.event,
        command,
        exit_code: failure.exitCode,
        signal: failure.signal,
        message: failure.message,
      });
    } catch {
      // The log cannot be written: nobody is left to tell.
    }
  }

  async #run(command: string, event: EventInput, line: string): Promise<HookFailure | null> {
    const { root, state, env, hasConsent, run = runHookCommand } = this.#options;
    if (isOfAnother(event) && !hasConsent(event.event, command)) return withoutConsent;
    return run({
      command,
      cwd: root,
      env: hookEnvironment(env, root, event),
      input: `${line}\n`,
      directory: state,
      timeoutMs: hookTimeoutMs,
    }).catch((error: unknown): HookFailure => ({ exitCode: null, signal: null, message: errorText(error) }));
  }
}

/** Whether the event is about a session that somebody else was to keep: whoever only looks may come upon it. */
function isOfAnother(event: EventInput): boolean {
  return event.event === "orphaned" || (event.event === "ended" && event.reason === "lost");
}

const withoutConsent: HookFailure = {
  exitCode: null,
  signal: null,
  message: "not run: no start or run was called in this very directory with this hook; the next one allows it",
};
