import { isHoldfast } from "./holdfast-process.ts";
import { isSameProcess } from "./identity.ts";
import type { KnownFile } from "./known-file.ts";
import type { ProcessEntry, ProcessTable } from "./table.ts";
import type { TreeRoots } from "./tree-roots.ts";

interface Question {
  readonly entries: readonly ProcessEntry[];
  /** The process whose identity a claim names. */
  readonly agent: ProcessEntry;
  readonly roots: TreeRoots;
}

/**
 * Whether a process that a claim calls its agent shows by itself that it is (docs/decisions/0018): by the session's
 * cookie in its environment, by a file of the session that it was started with, or as a child of the session's keeper.
 * Where nothing of that can be read at all (without /proc), the claim is believed; see docs/locking.md.
 */
export async function isProven(table: ProcessTable, { entries, agent, roots }: Question): Promise<boolean> {
  const environment = await table.variablesOf(agent.pid);
  if (environment !== null && environment.get("HOLDFAST_SESSION") === roots.cookie) return true;
  const { inherited = [], named, keeper = null } = roots;
  const files = [...inherited, ...(named?.files ?? [])];
  if (files.length > 0 && (await table.writesTo(agent.pid, files)) === true) return true;
  const parent = entries.find(({ pid }) => pid === agent.ppid);
  if (keeper !== null && parent !== undefined && isSameProcess(parent.identity, keeper.process)) {
    if (await isKeeper(table, parent, keeper.claim)) return true;
  }
  return environment === null && !table.seesFiles;
}

/**
 * Whether a process that a claim calls its keeper shows by itself that it is: it has the claim open for writing. One that
 * does not let itself be looked at (Node with capabilities, a system without /proc) is at least a holdfast.
 * @param claim the claim's file; null when it is gone
 */
export async function isKeeper(table: ProcessTable, process: ProcessEntry, claim: KnownFile | null): Promise<boolean> {
  const writes = claim === null ? false : await table.writesTo(process.pid, [claim]);
  return writes ?? isHoldfast(process.argv);
}
