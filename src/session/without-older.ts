import { whereaboutsOf, type ProcessIdentity } from "../process/identity.ts";
import { lineOf } from "../process/line-of.ts";
import { PidWindow } from "../process/pid-window.ts";
import { listedBy, type ProcessTable } from "../process/table.ts";
import type { SessionInfo } from "./session-info.ts";

/** More than are started while the processes are listed: whoever hands itself on meanwhile is not lost sight of. */
const startedMeanwhile = 1024;

/**
 * The same table, listed without the processes that were certainly there before a session, which are most: it takes no
 * time to look at those. For whoever tells of a session; who ends one looks at all.
 * @param keeper who holds it; it is listed with its ancestors, who take in what loses its parents. Null: not known, and
 *   all are listed
 */
export function withoutOlder(table: ProcessTable, session: SessionInfo, keeper: ProcessIdentity | null): ProcessTable {
  const { agent, descent, tmux } = session;
  if (keeper === null || agent === null || descent === null || whereaboutsOf(agent) !== "here") return table;
  // The tmux server was there before its agent.
  if (tmux !== null) return table;
  const window = new PidWindow(descent.after_pid, descent.forks);
  return listedBy(table, (among = () => true) => {
    const since = window.since(Number.POSITIVE_INFINITY);
    if (since === null) return table.list(among);
    const { has, newest } = since;
    const named = new Set([agent.pid, ...lineOf(keeper.pid)]);
    const isListed = (pid: number) => has(pid) || (pid > newest && pid <= newest + startedMeanwhile) || named.has(pid);
    return table.list((pid) => isListed(pid) && among(pid));
  });
}
