import { Failure } from "../failure.ts";
import type { WaitOptions } from "../lock/lock.ts";
import { clearOrphans } from "./clear-orphans.ts";
import type { Report } from "./handover.ts";
import type { Context } from "./context.ts";
import { KeeperProcess } from "./keeper-process.ts";
import { logClaimed, newSession, type SessionRequest } from "./new-session.ts";
import { findOutsideAgents } from "./outside-agents.ts";
import { agentsRunning } from "./refusals.ts";
import { makeSessionDirectory, removeSessionDirectory, sessionFiles } from "./session-files.ts";
import { holdOf, type Hold, type SessionInfo } from "./session-info.ts";
import { neverStarted, writeEnd } from "./session-end.ts";
import { takeLock, type TakenLock, type TakeOptions } from "./take-lock.ts";

export interface StartRequest extends Omit<SessionRequest, "mode"> {
  readonly wait?: WaitOptions;
  /** An active session with the same command is success. */
  readonly orJoin?: boolean;
  readonly force?: boolean;
  /** Called while the keeper boots, which takes longer than anything else: time to prepare what comes after. */
  readonly meanwhile?: () => void;
}

export interface Started {
  readonly session: SessionInfo;
  readonly token: number;
  /** True when an active session was joined instead (`--or-join`). */
  readonly joined: boolean;
}

/**
 * Starts the agent in the background under the lock. When this returns, the agent really runs and the log says so on disk.
 * @throws Failure `BUSY`, `AGENTS_RUNNING`; the agent's own failure (`NOT_FOUND`, `NOT_EXECUTABLE`, `START_FAILED` with
 *   its last lines of output), leaving nothing behind
 */
export async function start(context: Context, request: StartRequest): Promise<Started> {
  const wanted = newSession(context, { ...request, mode: "background" });
  if (request.orJoin === true) {
    const active = await activeWithSameCommand(context, wanted);
    if (active !== null) return active;
  }
  if (request.force !== true) await refuseBesideOutsiders(context);
  const options: TakeOptions = {
    verb: "start",
    force: request.force === true,
    ...(request.wait === undefined ? {} : { wait: request.wait }),
  };
  const taken = await takeLock(context, wanted, options).catch(async (error: unknown) => {
    if (await clearOrphans(context, error)) return takeLock(context, wanted, options);
    throw error;
  });
  const report = await launchKeeper(context, taken, request.meanwhile);
  if (!report.started) throw new Failure(report.code, report.message, { facts: report.facts });
  return { session: report.session, token: taken.held.token, joined: false };
}

async function launchKeeper(context: Context, taken: TakenLock, meanwhile?: () => void): Promise<Report> {
  const { held, session, hold } = taken;
  const files = sessionFiles(context.home, session.uid);
  let keeper: KeeperProcess | null = null;
  try {
    makeSessionDirectory(files);
    // It needs as long to boot as all that follows takes.
    keeper = await KeeperProcess.spawn(context, held, session, files);
    logClaimed(context, session, held.token);
    return await keeper.handOver(taken, meanwhile);
  } catch (error) {
    keeper?.dismiss();
    writeEnd(context, session, neverStarted(session));
    await held.release({ session: { ...session, phase: "ended" }, unsettled: hold.unsettled ?? [] } satisfies Hold);
    removeSessionDirectory(files);
    throw error;
  }
}

async function activeWithSameCommand(context: Context, wanted: SessionInfo): Promise<Started | null> {
  const { holder } = await context.lock.look();
  const session = holder === null || holder.owner === "dead" ? null : holdOf(holder).session;
  if (holder === null || session === null) return null;
  if (JSON.stringify(session.command) === JSON.stringify(wanted.command)) {
    return { session, token: holder.number, joined: true };
  }
  throw new Failure("BUSY", `Session already active with another command: ${session.id}`, {
    facts: { id: session.id, active_command: session.command, wanted_command: wanted.command },
    retryable: true,
    next: [
      { does: "join it", command: `holdfast join ${session.id}` },
      { does: "stop it", command: `holdfast stop ${session.id}` },
    ],
  });
}

async function refuseBesideOutsiders(context: Context): Promise<void> {
  const outside = await findOutsideAgents(context);
  if (outside.length > 0) throw agentsRunning(outside, null);
}
