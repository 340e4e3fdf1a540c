import { Failure, type FailureFacts, type NextStep } from "../failure.ts";
import { shellWord } from "../home/shell-word.ts";
import { abortAfter, systemClock } from "../process/clock.ts";
import type { ProcessEntry } from "../process/table.ts";
import type { Context } from "../session/context.ts";
import type { Launcher, SessionInfo } from "../session/session-info.ts";
import { exitUnless, type Agent, type AgentExit } from "./agent.ts";
import { LaunchedProcesses } from "./launched-processes.ts";
import type { SessionKeeper } from "./session-keeper.ts";
import { exitOfStranger } from "./watched-process.ts";

const firstLookMs = 5;
const longestLookMs = 100;

/**
 * Waits until a launcher has returned, and finds the agent it has started: the process that its PID file names, once that
 * is proven to be the session's; without a PID file the eldest that it left. Publishes it.
 * @throws Failure `START_FAILED` when the launcher fails or hangs, leaves nothing, or its PID file names nothing of it
 */
export async function agentOfLauncher(context: Context, keeper: SessionKeeper, launcher: Agent): Promise<Agent> {
  const { session } = keeper;
  if (session.launcher === null) return launcher;
  const processes = new LaunchedProcesses(await context.processes(), () => keeper.session, launcher.identity);
  const launch = { session, limits: session.launcher, processes, ending: keeper.ending };
  await untilReturned(launcher, launch);
  const found = await findAgent(launch);
  const agent: Agent = {
    pid: found.pid,
    identity: found.identity,
    spawnedAtMs: systemClock.now(),
    outputFromByte: launcher.outputFromByte,
    exited: exitOfLaunched(keeper, processes, found, launcher.lifeline ?? null),
  };
  return keeper.adopt(agent, {
    leads_group: leadsGroup(found),
    launcher: { ...session.launcher, process: launcher.identity },
  });
}

interface Launch {
  readonly session: SessionInfo;
  readonly limits: Launcher;
  readonly processes: LaunchedProcesses;
  readonly ending: AbortSignal;
}

async function untilReturned(launcher: Agent, launch: Launch): Promise<void> {
  const { limits, ending } = launch;
  const outOfTime = abortAfter(limits.return_within_ms);
  const exit = await exitUnless(AbortSignal.any([outOfTime, ending]), launcher);
  if (exit === null && ending.aborted) throw endedMeanwhile();
  if (exit === null) throw hangs(launch);
  if (exit.code !== 0) throw await launcherFailed(exit, launch);
}

/** Looks until there is an agent. Nothing can come any more when nothing lives. */
async function findAgent(launch: Launch): Promise<ProcessEntry> {
  const { session, limits, processes, ending } = launch;
  const outOfTime = abortAfter(limits.pid_file_within_ms);
  for (let intervalMs = firstLookMs; ; intervalMs = Math.min(2 * intervalMs, longestLookMs)) {
    const { agent, why } = await lookForAgent(session, processes);
    if (agent !== null) return agent;
    const living = await processes.living();
    if (ending.aborted) throw endedMeanwhile();
    if (living.length === 0) throw leftNothing(session, why);
    if (outOfTime.aborted) throw noAgentNamed(launch, why, living);
    await systemClock.sleep(intervalMs, AbortSignal.any([outOfTime, ending]));
  }
}

interface Look {
  readonly agent: ProcessEntry | null;
  /** What is wrong with the PID file; empty without one. */
  readonly why: string;
}

async function lookForAgent({ pid_file: path }: SessionInfo, processes: LaunchedProcesses): Promise<Look> {
  if (path === null) return { agent: await processes.eldest(), why: "" };
  const named = await processes.named(path);
  return named.agent === null ? named : { agent: named.agent, why: "" };
}

/**
 * Resolves when the agent is gone and has no successor: another process of the session that the PID file names by then, as
 * of a server that has started its new version; without a PID file whatever else lives of the session.
 */
async function exitOfLaunched(
  keeper: SessionKeeper,
  processes: LaunchedProcesses,
  first: ProcessEntry,
  hint: AbortSignal | null,
): Promise<AgentExit> {
  for (let agent = first; ;) {
    const exit = await exitOfStranger(agent.identity, { hint });
    const next = keeper.ending.aborted ? null : await successorOf(keeper.session, processes);
    if (next === null || keeper.ending.aborted) return exit;
    agent = next;
    keeper.published.publish({ agent: agent.identity, leads_group: leadsGroup(agent) });
  }
}

async function successorOf(session: SessionInfo, processes: LaunchedProcesses): Promise<ProcessEntry | null> {
  try {
    return (await lookForAgent(session, processes)).agent;
  } catch {
    // Where the processes cannot be listed any more, nothing more can be kept.
    return null;
  }
}

function leadsGroup({ pid, pgid }: ProcessEntry): boolean {
  return pid === pgid;
}

function endedMeanwhile(): Failure {
  return new Failure("START_FAILED", "The session was ended before its launcher had started the agent");
}

function hangs({ session, limits }: Launch): Failure {
  const words = [
    `The launcher did not return within ${limits.return_within_ms / 1000} s and was ended`,
    "A launcher starts the agent in the background and returns. For a command that stays, say agent.kind: foreground.",
  ];
  return startFailed(session, words, {
    next: [{ does: "give it longer", command: `holdfast start ${session.id} --ready-timeout 5m` }],
  });
}

async function launcherFailed({ code, signal }: AgentExit, { session, processes }: Launch): Promise<Failure> {
  const how = signal ?? `exit code ${code}`;
  const { pid_file: path } = session;
  const named = path === null ? null : await processes.named(path);
  // Most scripts believe what their PID file says, and start nothing.
  const wrong = named !== null && named.agent === null ? pidFileWords(path, named.why) : [];
  return startFailed(session, [`The launcher failed (${how})`, ...wrong], { facts: { exit_code: code, signal } });
}

function leftNothing(session: SessionInfo, why: string): Failure {
  const words = ["The launcher returned, and no process of this session runs", ...pidFileWords(session.pid_file, why)];
  return startFailed(session, words, { facts: { exit_code: 0, signal: null } });
}

function noAgentNamed({ session, limits }: Launch, why: string, living: readonly ProcessEntry[]): Failure {
  const time = `${limits.pid_file_within_ms / 1000} s`;
  const words =
    session.pid_file === null
      ? [`The launcher returned, and what it left was not seen to run within ${time}`]
      : [
          `The launcher returned, but its PID file did not name the agent within ${time}`,
          ...pidFileWords(session.pid_file, why),
          "What the launcher has started was ended:",
        ];
  const processes = living.map(({ pid, command, user, startedAt }) => {
    return { pid, command, user, started_at: startedAt.toISOString() };
  });
  return startFailed(session, words, { facts: { processes } });
}

function pidFileWords(path: string | null, why: string): readonly string[] {
  return path === null || why === "" ? [] : [`${path} ${why}`];
}

function startFailed(
  session: SessionInfo,
  words: readonly string[],
  { facts = {}, next = [] }: { facts?: FailureFacts; next?: readonly NextStep[] },
): Failure {
  const { pid_file: path, stop_command: stopCommand } = session;
  const byHand: NextStep[] =
    stopCommand === null || facts["exit_code"] === undefined
      ? []
      : [{ does: "if it runs already: stop it", command: stopCommand.map(shellWord).join(" ") }];
  return new Failure("START_FAILED", words.join("\n"), {
    facts: { ...facts, ...(path === null ? {} : { pid_file: path }) },
    next: [...byHand, ...next],
  });
}
