import { Failure } from "../../failure.ts";
import { escapeControl } from "../../home/names.ts";
import { shellWord } from "../../home/shell-word.ts";
import { run, runWithoutLock, type RunRequest } from "../../keeper/foreground.ts";
import { newSession, type SessionRequest } from "../../session/new-session.ts";
import { isInsideHolder } from "../../session/inside.ts";
import type { SessionEnd } from "../../session/session-end.ts";
import type { SessionInfo } from "../../session/session-info.ts";
import { openCliContext, parseId, type Cli, type Exit } from "../cli.ts";
import { exitCodes } from "../exit-codes.ts";
import { parseCommand } from "../given-command.ts";
import { usage } from "../globals.ts";
import { parseNumber } from "../count.ts";
import { endingText } from "../present/ending-text.ts";
import { parseSessionOptions, type SessionOptions } from "../session-options.ts";
import { parseWait, Waiting } from "../waiting.ts";

export interface RunOptions extends SessionOptions {
  readonly nonblock?: boolean;
  readonly wait?: string;
  readonly conflictExitCode?: string;
  readonly shell?: string;
  readonly timeout?: string;
  readonly signal?: string;
  readonly reentrant?: boolean;
  readonly id?: string;
  /** All of these as they were typed. */
  readonly typed?: string;
}

/**
 * Exits as the command did, or with 128+N for signal N. Who ended the session, if somebody did, is said on stderr. With
 * `--conflict-exit-code` a lock that is not to be had is told as ever, and only the number is another.
 * @throws Failure as `run`; `USAGE`, `CONFIG`
 */
export async function runCommand(cli: Cli, options: RunOptions, args: readonly string[]): Exit {
  const command = commandOf(cli, options, args);
  const conflictCode = parseConflictCode(options.conflictExitCode);
  const waitMs = options.nonblock === true ? undefined : parseWait(options.wait, null);
  const request = requestOf(cli, options, command);
  const context = await openCliContext(cli, { access: "write" });
  if (options.reentrant === true && (await isInsideHolder(context))) {
    return runWithoutLock(context, { command, cwd: cli.cwd, env: cli.env });
  }
  const session = newSession(context, request);
  try {
    const { code, end } = await run(context, session, {
      ...howToWait(cli, session, options, waitMs),
      ...(cli.globals.verbose ? { onRunning: (running) => void sayRunning(cli, running).catch(() => undefined) } : {}),
    });
    if (end.ended_by !== null || cli.globals.verbose) (await cli.show()).note(endText(session, end));
    return code;
  } catch (error) {
    if (conflictCode === null || !isConflict(error)) throw error;
    (await cli.show()).failure(error);
    return conflictCode;
  }
}

function howToWait(cli: Cli, { id }: SessionInfo, { typed = "" }: RunOptions, waitMs?: number | null): RunRequest {
  if (waitMs === undefined) return { typed };
  const waiting = new Waiting(cli, id, waitMs);
  return { wait: waiting.wait, during: (turn) => waiting.during(turn) };
}

async function sayRunning(cli: Cli, { id, token, command, agent }: SessionInfo): Promise<void> {
  const line = escapeControl(command.map(shellWord).join(" "));
  const pid = agent === null ? "" : ` (PID ${agent.pid})`;
  (await cli.show()).note(`${id} has the lock (token ${token}) and runs: ${line}${pid}`);
}

/** Whoever called it sees its command end, and nothing of who ended it; its exit code may well be 0. */
function endText({ id }: SessionInfo, end: SessionEnd): string {
  const was = end.ended_by === null ? "" : "was ";
  return `${id} ${was}${endingText(end, end.ended_by, end.stop_reason)}`;
}

function requestOf(cli: Cli, options: RunOptions, command: readonly string[]): SessionRequest {
  return {
    id: parseId(options.id),
    command,
    mode: "foreground",
    cwd: cli.cwd,
    ...parseSessionOptions(cli, options, { signal: options.signal, maxTime: ["--timeout", options.timeout] }),
  };
}

/** The lock could not be had: what `--conflict-exit-code` is for. */
function isConflict(error: unknown): error is Failure {
  return error instanceof Failure && exitCodes[error.code] === exitCodes.BUSY;
}

function commandOf(cli: Cli, options: RunOptions, args: readonly string[]): readonly string[] {
  if (options.shell === undefined) return parseCommand(args, "No command to run", "holdfast run --help");
  if (args.length > 0) throw usage("Either -c STRING or a command, not both", "holdfast run --help");
  return [cli.env["SHELL"] || "/bin/sh", "-c", options.shell];
}

function parseConflictCode(text: string | undefined): number | null {
  if (text === undefined) return null;
  return parseNumber(text, "--conflict-exit-code", { least: 0, most: 255, help: "holdfast run --help" });
}
