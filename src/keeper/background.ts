import { closeSync, constants, openSync } from "node:fs";
import { Failure, failureFromErrno } from "../failure.ts";
import { lastLines } from "../journal/tail-text.ts";
import type { HeldLock } from "../lock/lock.ts";
import type { Context } from "../session/context.ts";
import type { Handover, Report } from "../session/handover.ts";
import { pruneEnded } from "../session/prune.ts";
import { removeSessionDirectory, sessionFiles } from "../session/session-files.ts";
import { agentEnvironment } from "./agent-environment.ts";
import type { Agent, AgentExit } from "./agent.ts";
import { SessionKeeper } from "./session-keeper.ts";
import { settle } from "./settle.ts";

const lastLinesShown = 10;

/**
 * Keeps a session of `start`: from the agent's start to the end of everything it left.
 * @param report tells the waiting `start`, once, that the agent runs or why it does not
 * @returns the keeper's exit code
 */
export async function keepInBackground(
  context: Context,
  held: HeldLock,
  handover: Handover,
  report: (message: Report) => void,
): Promise<number> {
  const keeper = new SessionKeeper(context, held, handover.hold, handover.session);
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => keeper.endAsRequested());
  let agent: Agent;
  try {
    agent = await launch(context, held, keeper);
    const exit = await settle(agent);
    if (exit !== null) throw endedAtOnce(exit);
    keeper.declareStarted(agent, true);
    await becomeReady(context, held, keeper, agent);
  } catch (error) {
    const failure = error instanceof Failure ? error : null;
    const facts = { command: handover.session.command, output: lastWords(context, keeper) };
    const end = await keeper.abandon(failure);
    // A session that was stopped before it was ready has a record for whoever stopped it.
    if (end.reason === "start_failed") removeSessionDirectory(sessionFiles(context.home, handover.session.uid));
    if (failure === null) throw error;
    report({ started: false, code: failure.code, message: failure.message, facts: { ...facts, ...failure.facts } });
    return 0;
  }
  report({ started: true, agent: agent.identity, session: keeper.session });
  // A keeper runs for weeks, over upgrades of the package: what it needs to end its session is loaded now.
  const table = await context.processes();
  if (process.platform !== "linux") await table.list();
  const kept = await keeper.keep(agent);
  pruneEnded(context);
  return kept.end.reason === "lock_lost" ? 79 : 0;
}

async function launch(context: Context, held: HeldLock, keeper: SessionKeeper): Promise<Agent> {
  const { session } = keeper;
  const { output } = sessionFiles(context.home, session.uid);
  let descriptor: number;
  try {
    descriptor = openSync(output, constants.O_CREAT | constants.O_WRONLY | constants.O_APPEND, 0o600);
  } catch (error) {
    throw failureFromErrno(error, "open the agent's output", output);
  }
  try {
    return await keeper.launch({
      command: session.command,
      cwd: session.cwd,
      env: agentEnvironment(context, session, held.token),
      output: descriptor,
      descriptor: session.close ? null : held.descriptor,
      ownGroup: true,
    });
  } finally {
    closeSync(descriptor);
  }
}

async function becomeReady(context: Context, held: HeldLock, keeper: SessionKeeper, agent: Agent): Promise<void> {
  const { session } = keeper;
  if (session.ready === null) return;
  // Loaded only where it is wanted: node:net takes its time.
  const { waitUntilReady } = await import("./readiness.ts");
  await waitUntilReady({
    probe: session.ready,
    agent,
    output: sessionFiles(context.home, session.uid).output,
    env: agentEnvironment(context, session, held.token),
    cwd: session.cwd,
    ending: keeper.ending,
  });
  keeper.declareReady();
}

function endedAtOnce(exit: AgentExit): Failure {
  const how = exit.signal ?? `exit code ${exit.code}`;
  return new Failure("START_FAILED", `The agent ended as soon as it had started (${how})`, {
    facts: { exit_code: exit.code, signal: exit.signal },
  });
}

/** The last lines an agent wrote before its start failed. */
function lastWords(context: Context, keeper: SessionKeeper): string {
  const { output } = sessionFiles(context.home, keeper.session.uid);
  return lastLines(output, lastLinesShown, { maxBytes: 4096 }).text;
}
