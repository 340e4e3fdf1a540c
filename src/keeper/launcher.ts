import { Failure, type FailureFacts, type NextStep } from "../failure.ts";
import { shellWord } from "../home/shell-word.ts";
import { abortAfter, systemClock } from "../process/clock.ts";
import type { ProcessEntry } from "../process/table.ts";
import type { Context } from "../session/context.ts";
import type { Launcher, SessionInfo } from "../session/session-info.ts";
import { startAgain } from "../session/start-again.ts";
import { exitUnless, type Agent, type AgentExit } from "./agent.ts";
import { LaunchedProcesses, type NamedAgent } from "./launched-processes.ts";
import type { SessionKeeper } from "./session-keeper.ts";
import { exitOfStranger } from "./watched-process.ts";

const firstLookMs = 5;
const longestLookMs = 100;

/**
 * Waits until a launcher has returned, and finds the agent it has started: the process that its PID file names, once that
 * is proven to be the session's; without a PID file the eldest that it left. Publishes it.
 * @throws Failure `START_FAILED` when the launcher fails or hangs, leaves nothing, or its PID file names nothing of it
 */
export async function agentOfLauncher(
  context: Context,
  keeper: SessionKeeper,
  launcher: Agent,
  limits: Launcher,
): Promise<Agent> {
  const { session } = keeper;
  const processes = new LaunchedProcesses(await context.processes(), () => keeper.session, launcher.identity);
  const launch = { context, session, limits, processes, ending: keeper.ending };
  await untilReturned(launcher, launch);
  const found = await findAgent(launch);
  const agent: Agent = {
    pid: found.pid,
    identity: found.identity,
    spawnedAtMs: systemClock.now(),
    outputFromByte: launcher.outputFromByte,
    exited: exitOfLaunched(keeper, processes, found, launcher.lifeline),
  };
  return keeper.adopt(agent, {
    leads_group: leadsGroup(found),
    launcher: { ...limits, process: launcher.identity },
  });
}

interface Launch {
  readonly context: Context;
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
    const look = await lookForAgent(session, processes);
    if (look.agent !== null) return look.agent;
    const living = await processes.living();
    if (ending.aborted) throw endedMeanwhile();
    if (living.length === 0) throw leftNothing(session, look);
    if (outOfTime.aborted) throw noAgentNamed(launch, look, living);
    await systemClock.sleep(intervalMs, AbortSignal.any([outOfTime, ending]));
  }
}

async function lookForAgent({ pid_file: path }: SessionInfo, processes: LaunchedProcesses): Promise<NamedAgent> {
  if (path !== null) return processes.named(path);
  const eldest = await processes.eldest();
  return eldest === null ? { agent: null, why: "", stranger: false } : { agent: eldest };
}

/**
 * Resolves when the agent is gone and has no successor: another process of the session that the PID file names by then, as
 * of a server that has started its new version; without a PID file whatever else lives of the session.
 */
async function exitOfLaunched(
  keeper: SessionKeeper,
  processes: LaunchedProcesses,
  first: ProcessEntry,
  hint: AbortSignal | undefined,
): Promise<AgentExit> {
  for (let agent = first; ;) {
    const exit = await exitOfStranger(agent.identity, {
      hint,
      everySecond: (listener) => keeper.rounds.everySecond(listener),
    });
    const next = keeper.ending.aborted ? null : await successorOf(keeper.session, processes);
    if (next === null || keeper.ending.aborted) return exit;
    agent = next;
    keeper.published.tryToPublish({ agent: agent.identity, leads_group: leadsGroup(agent) });
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

function hangs({ context, session, limits }: Launch): Failure {
  const { agent } = context.config;
  const isConfigured = agent.kind === "launcher" && JSON.stringify(agent.command) === JSON.stringify(session.command);
  const ifItStays = isConfigured ? "say agent.kind: foreground" : "leave out --launcher";
  const words = [
    `The launcher did not return within ${limits.return_within_ms / 1000} s and was ended`,
    `A launcher starts the agent in the background and returns. For a command that stays, ${ifItStays}.`,
  ];
  return startFailed(session, words, {
    next: [{ does: "give it longer", command: startAgain(context, session, "--ready-timeout 5m") }],
  });
}

async function launcherFailed({ code, signal }: AgentExit, { session, processes }: Launch): Promise<Failure> {
  const { pid_file: path } = session;
  // Most scripts believe what their PID file says, and start nothing.
  const named = path === null ? null : await processes.named(path);
  const facts = { exit_code: code, signal };
  return startFailed(session, [`The launcher failed (${signal ?? `exit code ${code}`})`], { named, facts });
}

function leftNothing(session: SessionInfo, named: NamedAgent): Failure {
  const words = ["The launcher returned, and no process of this session runs"];
  return startFailed(session, words, { named, facts: { exit_code: 0, signal: null } });
}

function noAgentNamed({ session, limits }: Launch, named: NamedAgent, living: readonly ProcessEntry[]): Failure {
  const time = `${limits.pid_file_within_ms / 1000} s`;
  const what = session.pid_file === null ? "nothing that it left came to run" : "its PID file did not name the agent";
  const processes = living.map(({ pid, command, user, startedAt }) => {
    return { pid, command, user, started_at: startedAt.toISOString() };
  });
  const words = [`The launcher returned, but ${what} within ${time}; what it has started was ended`];
  return startFailed(session, words, { named, facts: { processes } });
}

interface About {
  /** What the PID file says. */
  readonly named?: NamedAgent | null;
  readonly facts?: FailureFacts;
  readonly next?: readonly NextStep[];
}

function startFailed(
  session: SessionInfo,
  words: readonly string[],
  { named = null, facts = {}, next = [] }: About,
): Failure {
  const { pid_file: path } = session;
  const wrong = path === null || named === null || named.agent !== null ? null : { path, ...named };
  return new Failure("START_FAILED", [...words, ...(wrong === null ? [] : [`${wrong.path} ${wrong.why}`])].join("\n"), {
    facts: { ...facts, ...(path === null ? {} : { pid_file: path }) },
    next: [...next, ...(wrong?.stranger === true ? strangerSteps(session, wrong.path) : [])],
  });
}

/** Whether it is the agent, started by hand, only a person can tell: for anybody else the stop command would be the end. */
function strangerSteps({ stop_command: stopCommand }: SessionInfo, path: string): readonly NextStep[] {
  const stop = stopCommand?.map(shellWord).join(" ");
  return [
    { does: "if that is not the agent", command: `rm ${shellWord(path)}` },
    ...(stop === undefined ? [] : [{ does: "if it is, started by hand", command: stop }]),
  ];
}
