import { childrenOf } from "../process/children.ts";
import { whereaboutsOf, type ProcessIdentity } from "../process/identity.ts";
import { lineOf } from "../process/line-of.ts";
import { PidWindow } from "../process/pid-window.ts";
import { listPids } from "../process/procfs-table.ts";
import { listedBy, type ProcessTable } from "../process/table.ts";
import type { SessionInfo } from "./session-info.ts";

/** More than are started while the processes are listed: whoever hands itself on meanwhile is not lost sight of. */
const startedMeanwhile = 1024;

/** Up to so many are all listed: to find out who of them may matter takes no less time. */
const fewAre = 256;

/**
 * The same table, listed without the processes that were certainly there before a session, which are most: it takes no
 * time to look at those. Of very many that came later, only those are listed that may be the session's. For whoever
 * tells of a session; who ends one looks at all.
 * @param keeper who holds it; it is listed with its ancestors, who take in what loses its parents. Null: not known, and
 *   all are listed
 */
export function withoutOlder(table: ProcessTable, session: SessionInfo, keeper: ProcessIdentity | null): ProcessTable {
  const { uid, agent, descent, tmux } = session;
  if (keeper === null || agent === null || descent === null || whereaboutsOf(agent) !== "here") return table;
  // The tmux server was there before its agent.
  if (tmux !== null) return table;
  const window = new PidWindow(descent.after_pid, descent.forks);
  return listedBy(table, async (among = () => true) => {
    const since = window.since(Number.POSITIVE_INFINITY);
    if (since === null) return table.list(among);
    const { has, newest } = since;
    const named = new Set([agent.pid, ...lineOf(keeper.pid)]);
    const isListed = (pid: number) => has(pid) || (pid > newest && pid <= newest + startedMeanwhile) || named.has(pid);
    const there = new Set(listPids().map(Number).filter(isListed));
    const kin = there.size <= fewAre ? there : await kinAmong(there, named, { table, uid });
    // Who has come since is listed in any case.
    return table.list((pid) => (kin.has(pid) || (isListed(pid) && !there.has(pid))) && among(pid));
  });
}

/**
 * Who may belong to a session, as it takes half of the time to find out beside listing all: its agent, who carries its
 * cookie, whom its keeper's ancestors or init have taken in, and the descendants of these. Nobody else can, for who has
 * lost an ancestor in the session has been taken in so (`Tree.bereaved`).
 * @param there the PIDs of all that have come since
 * @param named those of the agent, the keeper and its ancestors
 */
async function kinAmong(
  there: ReadonlySet<number>,
  named: ReadonlySet<number>,
  { table, uid }: { readonly table: ProcessTable; readonly uid: string },
): Promise<ReadonlySet<number>> {
  // Hidden (hidepid of proc(5)), or not kept by this kernel.
  if ([...named, 1].some((pid) => childrenOf(pid) === null)) return there;
  const kin = new Set(named);
  for (const pid of there) if ((await table.variablesOf(pid))?.get("HOLDFAST_SESSION") === uid) kin.add(pid);
  const pending = [...kin, 1];
  for (let pid = pending.pop(); pid !== undefined; pid = pending.pop()) {
    const children = childrenOf(pid);
    // It has just ended, and who took its children in may have been asked before.
    if (children === null) return there;
    for (const child of children) {
      if (kin.has(child) || !there.has(child)) continue;
      kin.add(child);
      pending.push(child);
    }
  }
  return kin;
}
