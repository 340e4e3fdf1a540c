import { Failure } from "../failure.ts";
import { systemClock } from "../process/clock.ts";
import type { ProcessIdentity } from "../process/identity.ts";
import { terminate, type TerminateResult } from "../process/terminate.ts";
import type { ProcessEntry } from "../process/table.ts";
import type { Context } from "./context.ts";
import type { SessionInfo } from "./session-info.ts";
import { endSessionProcesses } from "./end-session-processes.ts";
import { stillHeld } from "./out-of-reach.ts";
import { activeSession, withMaintenance } from "./reconcile.ts";
import { findEnd } from "./session-end.ts";
import { claimOf, findClaimed } from "./session-roots.ts";
import { closeLost } from "./lost-end.ts";
import { whenNoneIsDying } from "./unsettled.ts";

export interface EndingOptions {
  readonly signal?: NodeJS.Signals;
  readonly killAfterMs?: number;
  /** Processes that were the session's when its keeper could still tell, by PID. */
  readonly known?: Map<number, ProcessIdentity>;
  /** True: a session of which something lives on stays open, so that nobody starts beside that. */
  readonly unlessSurvived?: boolean;
}

const lookEveryMs = 20;
const patienceMs = 5_000;

/**
 * Ends a session whose keeper is dead, in its keeper's place: its processes, then its record. When this returns the
 * end is in the log, unless something survived that keeps it open, somebody who holds the lock by now did not write it in
 * time, or nothing can be written here.
 * @throws Failure `NOT_PERMITTED` when something that could not be ended, or found, still holds its lock
 */
export async function endLost(
  context: Context,
  session: SessionInfo,
  why: string,
  options: EndingOptions = {},
): Promise<TerminateResult> {
  const terminated = await endProcessesOf(context, session, why, options);
  if (options.unlessSurvived === true && terminated.survivors.length > 0) return terminated;
  const deadline = systemClock.now() + patienceMs;
  while (!(await closeAlone(context, session, terminated)) && systemClock.now() < deadline) {
    // A keeper killed just now may still be dying with the lock in its hands; a waiter who has it already closes what
    // it finds lost.
    if (findEnd(context, session.uid) !== null) break;
    await systemClock.sleep(lookEveryMs);
  }
  const active = activeSession(await context.lock.look());
  if (active?.session.uid === session.uid) throw stillHeld(active, terminated.survivors);
  return terminated;
}

/** False when somebody else holds the lock. */
async function closeAlone(context: Context, session: SessionInfo, terminated: TerminateResult): Promise<boolean> {
  try {
    const left = await withMaintenance(context, async (held, unsettled) => {
      await closeLost(context, held, session, terminated);
      return unsettled.filter((other) => other.session.uid !== session.uid);
    });
    return left !== null;
  } catch (error) {
    // Nothing can be written here, as on a full disk. Its processes are ended, and that is what counts: whoever comes next
    // closes it.
    if (error instanceof Failure && ["CANNOT_CREATE", "IO"].includes(error.code)) return true;
    throw error;
  }
}

/** Ends every process of a session that has no keeper to do it, and logs each one. */
export async function endProcessesOf(
  context: Context,
  session: SessionInfo,
  why: string,
  options: EndingOptions = {},
): Promise<TerminateResult> {
  const { signal = session.stop_signal, killAfterMs = session.kill_after_ms } = options;
  const { known = new Map<number, ProcessIdentity>() } = options;
  const table = await context.processes();
  const claim = await claimOf(context.lock, session);
  let isDoubtful = false;
  const find = () => findClaimed(table, context.home, session, { claim, known });
  const findProven = async () => {
    const { members, unproven } = await find();
    isDoubtful = unproven.length > 0;
    return members;
  };
  const { ended, survivors } = await endProcesses(context, findProven, why, { signal, killAfterMs, session });
  if (!isDoubtful) return { ended, survivors };
  // Named rather than signalled: they may be somebody else's.
  const { unproven, doubt } = await whenNoneIsDying(find);
  return { ended, survivors: [...survivors, ...unproven.map(({ pid, command }) => ({ pid, command, why: doubt }))] };
}

/** Ends whatever `find` finds until it finds nothing more; every process ended is logged (R4.7). */
export async function endProcesses(
  context: Context,
  find: () => Promise<readonly ProcessEntry[]>,
  why: string,
  options: Required<Pick<EndingOptions, "signal" | "killAfterMs">> & { readonly session?: SessionInfo },
): Promise<TerminateResult> {
  const { signal, killAfterMs, session } = options;
  const ending = { table: await context.processes(), find, signal, killAfterMs };
  const result = await (session === undefined ? terminate(ending) : endSessionProcesses(context, session, ending));
  for (const { pid, command, how } of result.ended) {
    context.journal.append({
      event: "process_ended",
      lock: context.lock.name,
      ...(session === undefined ? {} : { session: session.id, uid: session.uid }),
      by: context.by,
      pid,
      command,
      how,
      why,
    });
  }
  return result;
}
