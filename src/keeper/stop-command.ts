import { errorText } from "../failure.ts";
import { shellWord } from "../home/shell-word.ts";
import { abortAfter } from "../process/clock.ts";
import type { ProcessIdentity } from "../process/identity.ts";
import type { ProcessEntry } from "../process/table.ts";
import type { Context } from "../session/context.ts";
import { readPidFile } from "../session/pid-file.ts";
import type { SessionInfo } from "../session/session-info.ts";
import { agentEnvironment } from "./agent-environment.ts";
import { withOutputFile } from "./agent-output-file.ts";
import { exitUnless, spawnAgent, type Agent } from "./agent.ts";
import { exitOfStranger } from "./watched-process.ts";

export interface StopCommandOptions {
  readonly session: SessionInfo;
  readonly token: number;
  /** How long it and the agent have together. */
  readonly graceMs: number;
  /** Aborted: no more time. */
  readonly abort: AbortSignal;
  /** What runs of the session, to tell whether a PID that a script may go by is the session's. */
  readonly find: () => Promise<readonly ProcessEntry[]>;
}

/**
 * A session's stop command: run with the agent's directory, environment and output, it asks the agent to end in the way
 * the agent knows. It may return before the agent is gone: what is left of the time is the agent's then, and no signal
 * tells it twice.
 */
export class StopCommand {
  readonly #context: Context;
  readonly #command: readonly string[];
  readonly #options: StopCommandOptions;
  #process: ProcessIdentity | null = null;

  constructor(context: Context, command: readonly string[], options: StopCommandOptions) {
    this.#context = context;
    this.#command = command;
    this.#options = options;
  }

  /** Its own process, with whose descendants it may hang. */
  get roots(): readonly ProcessIdentity[] {
    return this.#process === null ? [] : [this.#process];
  }

  /** As one would type it. */
  get text(): string {
    return this.#command.map(shellWord).join(" ");
  }

  /** @returns what went wrong, in words; null when it did what it should. Never rejects. */
  async run(): Promise<string | null> {
    try {
      return (await this.#whyNot()) ?? (await this.#runInTime());
    } catch (error) {
      return `failed: ${errorText(error)}`;
    }
  }

  /** A script that kills what its PID file names must not be run while that names somebody else. */
  async #whyNot(): Promise<string | null> {
    const { session, find } = this.#options;
    if (session.pid_file === null) return null;
    const { path, pid, state } = readPidFile(session.pid_file);
    if (state !== "alive" || (await find()).some((entry) => entry.pid === pid)) return null;
    return `not run: ${path} names PID ${pid}, which is none of this session`;
  }

  async #runInTime(): Promise<string | null> {
    const { session, graceMs, abort } = this.#options;
    const over = AbortSignal.any([abort, abortAfter(graceMs)]);
    const asking = await this.#spawn();
    this.#process = asking.identity;
    const exit = await exitUnless(over, asking);
    if (exit === null) return abort.aborted ? null : `did not return within ${graceMs / 1000} s`;
    if (exit.code !== 0) return `failed: ${exit.signal ?? `exit code ${exit.code}`}`;
    if (session.agent !== null) await exitOfStranger(session.agent, { signal: over });
    return null;
  }

  #spawn(): Promise<Agent> {
    const { session, token } = this.#options;
    return withOutputFile(this.#context, session, (output) =>
      spawnAgent({
        command: this.#command,
        cwd: session.cwd,
        env: agentEnvironment(this.#context, session, token),
        output,
        descriptor: null,
        ownGroup: true,
      }),
    );
  }
}
