import { statSync } from "node:fs";
import { isHoldfast } from "./holdfast-process.ts";
import { possibleAdopters } from "./line-of.ts";
import { newestPid, type PidsSince } from "./pid-window.ts";
import { readStat } from "./proc-stat.ts";
import { readArguments } from "./procfs-entry.ts";
import { listPids } from "./procfs-table.ts";
import { listedBy, type ProcessTable } from "./table.ts";
import { findTree } from "./tree.ts";
import type { TreeRoots } from "./tree-roots.ts";

/** Whoever forks on and on is not waited for: "perhaps" is always allowed as an answer. */
const mostPasses = 10;

/**
 * Whether something of a tree may live whose roots are dead: one look at few processes, where `findTree` looks at all.
 * Descent from the roots cannot be seen any more, so it is for the cookie to tell, for what was inherited, and for the
 * group, if there is one.
 * @param look tells, whenever it is asked, which PIDs were given out since the roots began (`PidWindow`): all that they
 *   started has one of those
 * @param first what it has told just now
 */
export async function mayHaveDescendants(
  table: ProcessTable,
  roots: TreeRoots,
  look: () => PidsSince | null,
  first = look(),
): Promise<boolean> {
  const seen = new Set(roots.except);
  for (let [since, passes] = [first, 1]; since !== null && passes <= mostPasses; since = look(), passes += 1) {
    if (await isAnyThere(table, roots, { since, seen })) return true;
    // A process may have handed itself on to a child, and ended, before it was looked at. Not if nobody has made any.
    if (newestPid() === since.newest) return false;
  }
  return true;
}

interface Sight {
  readonly since: PidsSince;
  /** Who has been looked at already. */
  readonly seen: Set<number>;
}

async function isAnyThere(table: ProcessTable, roots: TreeRoots, { since, seen }: Sight): Promise<boolean> {
  if (roots.cookie === null || roots.groupLeader !== null) {
    const line = possibleAdopters();
    const young = listedBy(table, () => table.list((pid) => since.has(pid) || line.has(pid)));
    return (await findTree(young, roots)).length > 0;
  }
  for (const pid of pidsAmong(since)) {
    if (seen.has(pid)) continue;
    seen.add(pid);
    // Half the work of listing a process is to read its environment, and here that is mostly enough.
    const environment = await table.variablesOf(pid);
    const isClosed = environment?.get("HOLDFAST_CLOSE") === "1";
    if (environment?.get("HOLDFAST_SESSION") === roots.cookie && !isClosed) return true;
    if (await mayBeHeir(table, roots, pid)) return true;
  }
  return false;
}

/**
 * Whether a process may have lost an ancestor in the tree, and has inherited what is only inherited there. No holdfast has
 * (`OpenFiles`); whoever gets in line is one.
 */
async function mayBeHeir(table: ProcessTable, { inherited = [] }: TreeRoots, pid: number): Promise<boolean> {
  if (inherited.length === 0) return false;
  const stat = readStat(pid);
  const isBereaved = typeof stat !== "string" && (stat.ppid <= 1 || possibleAdopters().has(stat.ppid));
  return isBereaved && !isHoldfast(readArguments(pid) ?? []) && (await table.writesTo(pid, inherited)) === true;
}

function pidsAmong({ few, has }: PidsSince): readonly number[] {
  if (few === null) return listPids().map(Number).filter(has);
  return few.filter((pid) => statSync(`/proc/${pid}`, { throwIfNoEntry: false }) !== undefined);
}
