import { errorText } from "../failure.ts";
import type { ProcessIdentity } from "../process/identity.ts";
import type { TerminateResult } from "../process/terminate.ts";
import { findTree } from "../process/tree.ts";
import type { TreeRoots } from "../process/tree-roots.ts";
import type { Context } from "../session/context.ts";
import { endSessionProcesses, type SessionEnding } from "../session/end-session-processes.ts";
import type { SessionInfo } from "../session/session-info.ts";
import type { EndOrder } from "./end-order.ts";
import type { SessionLog } from "./session-log.ts";
import type { StopCommand } from "./stop-command.ts";

export interface EndingOf extends Required<Pick<SessionEnding, "keepTmux" | "beforeTmux">> {
  readonly session: SessionInfo;
  /** What makes a process belong to it. */
  readonly roots: TreeRoots;
  readonly token: number;
  readonly log: SessionLog;
  /** Null: the agent has ended by itself. */
  readonly order: EndOrder | null;
  /** Aborted: no more time. */
  readonly urgent: AbortSignal;
}

export interface EndedProcesses extends TerminateResult {
  /** True when nobody could look what is left. */
  readonly isUnknown?: boolean;
}

export const nothingEnded: EndedProcesses = { ended: [], survivors: [] };

/** Ends what runs of a session. What goes wrong is logged and stops nothing (R2.4). */
export async function endProcesses(context: Context, ending: EndingOf): Promise<EndedProcesses> {
  const { session, roots, log, order, urgent, keepTmux, beforeTmux } = ending;
  try {
    const table = await context.processes();
    const known = new Map<number, ProcessIdentity>();
    const find = (more: readonly ProcessIdentity[]) =>
      findTree(table, { ...roots, roots: [...roots.roots, ...more] }, known);
    const signal = order?.signal ?? session.stop_signal;
    const killAfterMs = order?.killAfterMs ?? session.kill_after_ms;
    const isAsked = order !== null && signal !== "SIGKILL" && killAfterMs > 0;
    const stopCommand = isAsked ? await stopCommandOf(context, ending, killAfterMs, () => find([])) : null;
    return await endSessionProcesses(context, session, {
      table,
      find: () => find(stopCommand?.roots ?? []),
      signal,
      killAfterMs,
      abort: urgent,
      keepTmux,
      beforeTmux,
      ...(stopCommand === null ? {} : { stopCommand: () => run(stopCommand, log) }),
    });
  } catch (error) {
    log.complain("processes", errorText(error));
    return { ...nothingEnded, isUnknown: true };
  }
}

/** Null without one, and for an agent that never came to run: there is nobody to ask. */
async function stopCommandOf(
  context: Context,
  { session, token, urgent }: EndingOf,
  graceMs: number,
  find: () => ReturnType<typeof findTree>,
): Promise<StopCommand | null> {
  if (session.stop_command === null || session.started_at === null) return null;
  // Hardly anybody has one.
  const { StopCommand } = await import("./stop-command.ts");
  return new StopCommand(context, session.stop_command, { session, token, graceMs, abort: urgent, find });
}

async function run(stopCommand: StopCommand, log: SessionLog): Promise<void> {
  const problem = await stopCommand.run();
  if (problem !== null) log.complain(`stop command ${stopCommand.text}`, problem);
}
