import type { ProcessIdentity } from "../process/identity.ts";
import { terminate, type TerminateResult } from "../process/terminate.ts";
import { findTree } from "../process/tree.ts";
import type { ProcessEntry } from "../process/table.ts";
import type { Context } from "./context.ts";
import type { SessionInfo } from "./session-info.ts";
import { rootsOf } from "./unsettled.ts";

export interface EndingOptions {
  readonly signal?: NodeJS.Signals;
  readonly killAfterMs?: number;
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
  const result = await terminate({ table: await context.processes(), find, signal, killAfterMs });
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
