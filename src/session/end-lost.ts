import { systemClock } from "../process/clock.ts";
import type { ProcessIdentity } from "../process/identity.ts";
import { terminate, type TerminateResult } from "../process/terminate.ts";
import { findTree } from "../process/tree.ts";
import type { ProcessEntry } from "../process/table.ts";
import type { Context } from "./context.ts";
import type { SessionInfo } from "./session-info.ts";
import { endSessionProcesses } from "./end-session-processes.ts";
import { withMaintenance } from "./reconcile.ts";
import { findEnd } from "./session-end.ts";
import { closeLost, rootsOf } from "./unsettled.ts";

export interface EndingOptions {
  readonly signal?: NodeJS.Signals;
  readonly killAfterMs?: number;
}

const lookEveryMs = 20;
const patienceMs = 5_000;

/**
 * Ends a session whose keeper is dead, in its keeper's place: its processes, then its record. When this returns the
 * end is in the log, unless somebody who holds the lock by now did not write it in time.
 */
export async function endLost(
  context: Context,
  session: SessionInfo,
  why: string,
  options: EndingOptions = {},
): Promise<TerminateResult> {
  const terminated = await endProcessesOf(context, session, why, options);
  const deadline = systemClock.now() + patienceMs;
  while (!(await closeAlone(context, session, terminated)) && systemClock.now() < deadline) {
    // A keeper killed just now may still be dying with the lock in its hands; a waiter who has it already closes what
    // it finds lost.
    if (findEnd(context, session.uid) !== null) break;
    await systemClock.sleep(lookEveryMs);
  }
  return terminated;
}

/** False when somebody else holds the lock. */
async function closeAlone(context: Context, session: SessionInfo, terminated: TerminateResult): Promise<boolean> {
  const left = await withMaintenance(context, async (held, unsettled) => {
    closeLost(context, held, session, terminated);
    return unsettled.filter((other) => other.session.uid !== session.uid && other.processes.length > 0);
  });
  return left !== null;
}

/** Ends every process of a session that has no keeper to do it, and logs each one. */
export async function endProcessesOf(
  context: Context,
  session: SessionInfo,
  why: string,
  options: EndingOptions = {},
): Promise<TerminateResult> {
  const table = await context.processes();
  const known = new Map<number, ProcessIdentity>();
  return endProcesses(context, () => findTree(table, rootsOf(session), known), why, {
    signal: options.signal ?? session.stop_signal,
    killAfterMs: options.killAfterMs ?? session.kill_after_ms,
    session,
  });
}

/** Ends whatever `find` finds until it finds nothing more; every process ended is logged (R4.7). */
export async function endProcesses(
  context: Context,
  find: () => Promise<readonly ProcessEntry[]>,
  why: string,
  options: Required<EndingOptions> & { readonly session?: SessionInfo },
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
