import type { ChildProcess } from "node:child_process";
import { fstatSync, statSync, type Stats } from "node:fs";
import { resolve as resolvePath } from "node:path";
import { errnoOf, errnoText, errorText, Failure, type NextStep } from "../failure.ts";
import { shellWord } from "../home/shell-word.ts";
import { lifelineDescriptor, withClaim } from "../session/claim-descriptor.ts";
import { systemClock } from "../process/clock.ts";
import { interpreterOf } from "../process/find-program.ts";
import { identifyChild, type ProcessIdentity } from "../process/identity.ts";

export interface AgentSpec {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** `inherit`: the agent uses this process's streams. A number: its output goes to this descriptor, its input is empty. */
  readonly output: "inherit" | number;
  /** The locked claim, to be inherited; null for a lease or `--close`. */
  readonly descriptor: number | null;
  /** True to give the agent a session and process group of its own. */
  readonly ownGroup: boolean;
  /** True to be told when all that it has started is gone. */
  readonly lifeline?: boolean;
}

export interface AgentExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly at: Date;
  /** When it was last seen to live, on the monotonic clock; absent: its number was its own until now, being a child's. */
  readonly seenAtMs?: number;
}

export interface Agent {
  readonly pid: number;
  /** On the monotonic clock, which no clock step moves. */
  readonly spawnedAtMs: number;
  /** Whatever it starts has a PID that was given out after this one; absent: after its own. */
  readonly sincePid?: number;
  /** Null when it was gone before anyone could look, or is hidden from this user. */
  readonly identity: ProcessIdentity | null;
  readonly exited: Promise<AgentExit>;
  /** Where its own output begins, behind that of the agents before it. */
  readonly outputFromByte: number;
  /** Aborted when everything that inherited its lifeline is gone, or has closed it; absent without one. */
  readonly lifeline?: AbortSignal;
  /** Has a command begin whose process was made ahead of its turn, and gives it a moment to do so; absent: it runs already. */
  readonly letGo?: () => Promise<void>;
}

/**
 * Starts the agent; when this returns, its program really runs.
 * @throws Failure `NOT_FOUND`, `NOT_EXECUTABLE`, or `USAGE` when its working directory does not exist
 */
export async function spawnAgent(spec: AgentSpec): Promise<Agent> {
  const [program = "", ...args] = spec.command;
  const streams: ("inherit" | "ignore" | number)[] =
    spec.output === "inherit" ? ["inherit", "inherit", "inherit"] : ["ignore", spec.output, spec.output];
  // Late: commands that start nothing do without it, and it takes 2 ms to load.
  const { spawn } = await import("node:child_process");
  const outputFromByte = spec.output === "inherit" ? 0 : fstatSync(spec.output).size;
  const spawnedAtMs = systemClock.now();
  const child = orCannotRun(spec, () =>
    spawn(program, args, {
      cwd: spec.cwd,
      env: spec.env,
      detached: spec.ownGroup,
      stdio: withClaim(streams, spec.descriptor, spec),
    }),
  );
  const { pid } = child;
  if (pid === undefined) throw await spawnFailure(child, program, spec.cwd);
  const exited = exitEventOf(child);
  let identity: ProcessIdentity | null;
  try {
    identity = identifyChild(pid);
  } catch (error) {
    // Nobody would know of it, or of what it has started, and it would live on behind the end of its session.
    killAtOnce(pid, spec);
    await exited;
    throw error;
  }
  const agent: Agent = { pid, spawnedAtMs, identity, exited, outputFromByte };
  return spec.lifeline === true ? { ...agent, lifeline: lifelineOf(child) } : agent;
}

/** Of a child whose end Node has not told yet: its PID is its own until then, and so is that of its group. */
export function killAtOnce(pid: number, { ownGroup }: Pick<AgentSpec, "ownGroup">): void {
  try {
    process.kill(ownGroup ? -pid : pid, "SIGKILL");
  } catch {
    // A group of zombies only: macOS does not let them be signalled.
  }
}

/** The exit of an agent that is being ended; unknown when it takes longer than `patienceMs`. */
export async function exitOf(agent: Agent, patienceMs: number): Promise<AgentExit> {
  const gaveUp = new AbortController();
  const limit = systemClock.sleep(patienceMs, gaveUp.signal).then(() => ({ code: null, signal: null, at: new Date() }));
  const exit = await Promise.race([agent.exited, limit]);
  gaveUp.abort();
  return exit;
}

/** The exit of an agent; null when the signal is aborted first. */
export async function exitUnless(signal: AbortSignal, { exited }: Pick<Agent, "exited">): Promise<AgentExit | null> {
  if (signal.aborted) return null;
  let stop = (): void => undefined;
  const aborted = new Promise<null>((resolve) => {
    stop = () => resolve(null);
    signal.addEventListener("abort", stop, { once: true });
  });
  return Promise.race([exited, aborted]).finally(() => signal.removeEventListener("abort", stop));
}

/** To be asked before it can have ended. Never resolves for a child that did not come to run, see `errorOf`. */
export function exitEventOf(child: ChildProcess): Promise<AgentExit> {
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal, at: new Date() }));
  });
}

function lifelineOf(child: ChildProcess): AbortSignal {
  const torn = new AbortController();
  const [end] = child.stdio.slice(lifelineDescriptor);
  // What is never read is never seen to end.
  end?.on("data", () => undefined);
  end?.on("error", () => undefined);
  end?.once("close", () => torn.abort());
  return torn.signal;
}

/** Some errors Node throws at once (ETXTBSY, ENOTDIR, E2BIG), where it tells of others later. */
function orCannotRun({ command: [program = ""], cwd }: AgentSpec, begin: () => ChildProcess): ChildProcess {
  try {
    return begin();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw cannotRun(program, cwd, { errno, message: errorText(error), cause: error });
  }
}

/** Why a child has no PID. */
export function errorOf(child: ChildProcess): Promise<Error> {
  return new Promise((resolve) => child.once("error", resolve));
}

async function spawnFailure(child: ChildProcess, program: string, cwd: string): Promise<Failure> {
  const error = await errorOf(child);
  return cannotRun(program, cwd, { errno: errnoOf(error), message: error.message, cause: error });
}

/** Why a program did not come to run. @param problem as execve(2) has it */
export function cannotRun(
  program: string,
  cwd: string,
  { errno, message, cause }: { readonly errno: string | undefined; readonly message: string; readonly cause?: unknown },
): Failure {
  const facts = { command: program, cwd, errno };
  if (!isDirectory(cwd)) {
    return new Failure("USAGE", `The working directory does not exist\n${cwd}`, { facts, cause });
  }
  const file = program.includes("/") ? resolvePath(cwd, program) : null;
  const stats = file === null ? undefined : statsOf(file);
  if (errno === "ENOENT") {
    const isThere = file !== null && stats !== undefined;
    const what = isThere ? withoutInterpreter(program, file) : `Command not found: ${program}${whatWasMeant(program)}`;
    const command = program.includes("/") ? `ls -l ${shellWord(program)}` : 'echo "$PATH"';
    const next = [{ does: "see where it was looked for", command }];
    return new Failure("NOT_FOUND", what, { facts, cause, next });
  }
  const known = stats?.isDirectory() === true ? "EISDIR" : errno;
  const why = known === undefined ? message : errnoText(known);
  const next = known === "EACCES" || known === "EISDIR" ? [howToRun(program, stats)] : [];
  return new Failure("NOT_EXECUTABLE", `Command cannot be run: ${program}: ${why}`, { facts, next, cause });
}

/** What a shell would have made of it, and nobody else does. */
function whatWasMeant(program: string): string {
  if (/\s/.test(program))
    return "\nIt is one word, with the spaces in it: leave out its quotes, or put sh -c before it.";
  return /^\w+=/.test(program) ? "\nTo set a variable, put env before it." : "";
}

/** Undefined where it cannot be told: nothing is there, links go round, or a directory may not be looked into. */
function statsOf(file: string): Stats | undefined {
  try {
    return statSync(file);
  } catch {
    return undefined;
  }
}

function withoutInterpreter(program: string, file: string): string {
  const interpreter = interpreterOf(file);
  return interpreter === null
    ? `Command cannot be run: what ${program} is loaded by is missing`
    : `Command cannot be run: the interpreter of ${program} is missing: ${interpreter}`;
}

function howToRun(program: string, stats: Stats | undefined): NextStep {
  const word = shellWord(program);
  if (!program.includes("/")) return { does: "see which there are", command: `type -a ${word}` };
  const isMine = stats?.isFile() === true && stats.uid === process.geteuid?.() && (stats.mode & 0o111) === 0;
  if (isMine) return { does: "make it executable", command: `chmod +x ${word}` };
  return { does: "see what it is", command: `ls -ld ${word}` };
}

/** An agent that ended before its start was done. @param when `before it was ready` */
export function endedTooSoon({ code, signal }: AgentExit, when: string): Failure {
  const how = signal ?? (code === null ? "its exit code is not known" : `exit code ${code}`);
  return new Failure("START_FAILED", `The agent ended ${when} (${how})`, { facts: { exit_code: code, signal } });
}

/** Or a link to one. False also where nobody may look. */
export function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
