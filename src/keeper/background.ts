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
    if (exit !== null) throw endedAtOnce(context, keeper, exit);
    keeper.declareStarted(agent, true);
  } catch (error) {
    const failure = error instanceof Failure ? error : null;
    await keeper.abandon();
    removeSessionDirectory(sessionFiles(context.home, handover.session.uid));
    if (failure === null) throw error;
    report({ started: false, code: failure.code, message: failure.message, facts: failure.facts });
    return 0;
  }
  report({ started: true, agent: agent.identity, session: keeper.session });
  // A keeper runs for weeks, over upgrades of the package: what it needs to end its session is loaded now.
  await context.processes();
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

function endedAtOnce(context: Context, keeper: SessionKeeper, exit: AgentExit): Failure {
  const how = exit.signal ?? `exit code ${exit.code}`;
  const { text } = lastLines(sessionFiles(context.home, keeper.session.uid).output, lastLinesShown, { maxBytes: 4096 });
  return new Failure("START_FAILED", `The agent ended as soon as it had started (${how})`, {
    facts: { exit_code: exit.code, signal: exit.signal, output: text, command: keeper.session.command },
  });
}
