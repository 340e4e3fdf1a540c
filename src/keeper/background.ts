import { Failure, type NextStep } from "../failure.ts";
import { shellWord } from "../home/shell-word.ts";
import type { HeldLock } from "../lock/lock.ts";
import { agentOutput, lastOutputLines } from "../session/agent-output.ts";
import type { Context } from "../session/context.ts";
import type { Report } from "../session/handover.ts";
import { pruneEnded } from "../session/prune.ts";
import type { SessionEnd } from "../session/session-end.ts";
import { removeSessionDirectory, sessionFiles } from "../session/session-files.ts";
import type { SessionInfo } from "../session/session-info.ts";
import type { TakenLock } from "../session/take-lock.ts";
import { agentEnvironment } from "./agent-environment.ts";
import { withOutputFile } from "./agent-output-file.ts";
import { endedTooSoon, spawnAgent, type Agent } from "./agent.ts";
import { restartAgent } from "./restart.ts";
import { RestartPlan } from "./restart-plan.ts";
import { SessionKeeper, type Again } from "./session-keeper.ts";
import { settle } from "./settle.ts";
import type { TmuxAgentSpec } from "./tmux-agent.ts";

const lastLinesShown = 10;
const mostBytesShown = 4096;

/** How a session begins. */
export interface Opening {
  /** Tells the waiting `start`, once, that the agent runs or why it does not. */
  readonly report: (message: Report) => void;
  /** What is still to be done before the agent is started. */
  readonly prepare: () => void;
  /** Whether a `start` waits for the report; else what an agent said that did not come to run is kept. */
  readonly isAttended: boolean;
}

/**
 * Keeps a session of `start`: from the agent's start to the end of everything it left.
 * @returns the keeper's exit code
 */
export async function keepInBackground(
  context: Context,
  { held, session, hold }: TakenLock,
  { report, prepare, isAttended }: Opening,
): Promise<number> {
  const keeper = new SessionKeeper(context, held, hold, session);
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => keeper.endAsRequested());
  let agent: Agent;
  try {
    prepare();
    agent = await launch(context, held, keeper);
    // Where nobody waits for the answer, a job that is done in no time is done, and has not failed to start.
    const exit = isAttended ? await settle(agent) : null;
    if (exit !== null) throw endedTooSoon(exit, "as soon as it had started");
    keeper.published.started(agent, true);
    if (await untilReady(context, held, keeper, agent)) keeper.published.ready();
  } catch (error) {
    const failure = error instanceof Failure ? error : null;
    const facts = { command: session.command, output: lastWords(context, keeper) };
    const end = await keeper.abandon(failure);
    // A bug: what the keeper's log will say of it is kept.
    if (failure === null) throw error;
    // A session that was stopped before it was ready has a record for whoever stopped it.
    if (end.reason === "start_failed" && isAttended) removeSessionDirectory(sessionFiles(context.home, session.uid));
    const { code, message } = failure;
    const launcher = isLauncherMissed(session, failure, end) ? [sayLauncher(session)] : [];
    const next = [...failure.next, ...launcher, { does: "look back", command: "holdfast logs" }];
    report({ outcome: "failed", code, message, facts: { ...facts, ...failure.facts }, next });
    return 0;
  }
  report({ outcome: "started", session: keeper.session, token: held.token });
  // A keeper runs for weeks, over upgrades of the package: what it needs to end its session is loaded now.
  const table = await context.processes();
  if (process.platform !== "linux") await table.list();
  if (keeper.session.stop_command !== null) await import("./stop-command.ts");
  const kept = await keeper.keep(agent, session.restart === "no" ? undefined : restarting(context, held, keeper));
  pruneEnded(context);
  return kept.end.reason === "lock_lost" ? 79 : 0;
}

/** Starts the agent again, as often and as soon as its session wants. */
function restarting(context: Context, held: HeldLock, keeper: SessionKeeper): Again {
  const plan = new RestartPlan(keeper.session);
  return async (agent, exit) => {
    const next = await restartAgent(keeper, plan, { agent, exit }, () => launch(context, held, keeper));
    if (next !== null) void becomeReadyOrEnd(context, held, keeper, next);
    return next;
  };
}

/** An agent that does not get ready again is ended, as one that failed. */
async function becomeReadyOrEnd(context: Context, held: HeldLock, keeper: SessionKeeper, agent: Agent): Promise<void> {
  let isGone = false;
  void agent.exited.then(() => (isGone = true));
  try {
    if (await untilReady(context, held, keeper, agent)) keeper.published.readyAgain();
  } catch {
    // Gone already, it is on its way to the next restart; and at the end of its session it is ended with that.
    if (!isGone && !keeper.ending.aborted) await keeper.endAgent();
  }
}

async function launch(context: Context, held: HeldLock, keeper: SessionKeeper): Promise<Agent> {
  const { session } = keeper;
  const started = await withOutputFile(context, session, (output) => {
    const spec = {
      command: session.command,
      cwd: session.cwd,
      env: agentEnvironment(context, session, held.token),
      output,
      descriptor: session.close ? null : held.descriptor,
      ownGroup: true,
      lifeline: session.launcher !== null,
    };
    const begin = () => (session.tmux === null ? spawnAgent(spec) : spawnInTmux(context, keeper, spec));
    return keeper.launch(begin, true);
  });
  if (session.launcher === null) return started;
  const { agentOfLauncher } = await import("./launcher.ts");
  return agentOfLauncher(context, keeper, started, session.launcher);
}

async function spawnInTmux(context: Context, keeper: SessionKeeper, spec: TmuxAgentSpec): Promise<Agent> {
  // Loaded only where it is wanted.
  const { spawnInTmux: spawn } = await import("./tmux-agent.ts");
  return spawn(context, keeper, spec);
}

/** @returns false for a session that runs as soon as its agent does */
async function untilReady(context: Context, held: HeldLock, keeper: SessionKeeper, agent: Agent): Promise<boolean> {
  const { session } = keeper;
  if (session.ready === null) return false;
  // Loaded only where it is wanted: node:net takes its time.
  const { waitUntilReady } = await import("./readiness.ts");
  await waitUntilReady({
    probe: session.ready,
    agent,
    output: agentOutput(context.home, session.uid),
    env: agentEnvironment(context, session, held.token),
    cwd: session.cwd,
    ending: keeper.ending,
  });
  return true;
}

/** Done in no time, and something of it was still running: that is how scripts start a program in the background. */
function isLauncherMissed({ launcher }: SessionInfo, { facts }: Failure, { processes }: SessionEnd): boolean {
  return launcher === null && facts["exit_code"] === 0 && facts["signal"] === null && processes.length > 0;
}

function sayLauncher({ id, command }: SessionInfo): NextStep {
  const words = command.map(shellWord).join(" ");
  return { does: "if it starts the agent in the background", command: `holdfast start ${id} --launcher -- ${words}` };
}

/** The last lines an agent wrote before its start failed. */
function lastWords(context: Context, keeper: SessionKeeper): string {
  try {
    const output = agentOutput(context.home, keeper.session.uid);
    return lastOutputLines(output, lastLinesShown, mostBytesShown).bytes.toString();
  } catch (error) {
    // What cannot be read, or is not trusted, must not keep the agent from being ended.
    if (error instanceof Failure) return "";
    throw error;
  }
}
