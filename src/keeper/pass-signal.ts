import { signalProcess } from "../process/identity.ts";
import type { ProcessTable } from "../process/table.ts";
import { findTree } from "../process/tree.ts";
import type { TreeRoots } from "../process/tree-roots.ts";
import { foregroundGroup } from "./terminal.ts";

/** How many `run --reentrant` are around a command, in one session; absent: none. */
export const depthVariable = "HOLDFAST_DEPTH";

/** Whose commands one holdfast answers for. What runs further inside gets its signals from a holdfast in there. */
export interface Circle {
  /** The value of HOLDFAST_SESSION of its commands; undefined outside any session. */
  readonly session: string | undefined;
  readonly depth: number;
}

/**
 * Passes a signal on to a whole tree, to each process once: many programs take a second signal for impatience. Left out
 * is therefore who has it already, because a terminal gave it to its whole foreground process group (INT), and who
 * gets it from another holdfast in the tree.
 */
export async function passSignal(
  table: ProcessTable,
  roots: TreeRoots,
  signal: NodeJS.Signals,
  circle: Circle,
): Promise<void> {
  const reached = signal === "SIGINT" ? foregroundGroup() : null;
  for (const { pid, pgid, identity } of await findTree(table, roots)) {
    if (pgid !== reached && (await isInside(circle, table, pid))) signalProcess(identity, signal);
  }
}

/** True for a process whose environment tells nothing: nobody else would pass anything on to it. */
async function isInside({ session, depth }: Circle, table: ProcessTable, pid: number): Promise<boolean> {
  const environment = await table.variablesOf(pid);
  const its = environment?.get("HOLDFAST_SESSION");
  if (environment === null || its === undefined) return true;
  return its === session && depthIn(environment.get(depthVariable)) <= depth;
}

/** @param value what an environment says */
export function depthIn(value: string | undefined): number {
  return /^\d{1,3}$/.test(value ?? "") ? Number(value) : 0;
}
