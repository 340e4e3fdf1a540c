import { livenessOf, whereaboutsOf, type Whereabouts } from "../process/identity.ts";
import type { ProcessEntry } from "../process/table.ts";
import type { TmuxDetails } from "../tmux/tmux-server.ts";
import { lastOutputAt, lastSignOfLife } from "./activity.ts";
import { liveClients, type Client } from "./clients.ts";
import type { Context } from "./context.ts";
import type { LiveSession, SessionState } from "./find-live.ts";
import { secondsBetween } from "./session-end.ts";
import type { SessionInfo } from "./session-info.ts";
import { findClaimed, isCopied } from "./session-roots.ts";
import { tmuxDetails } from "./session-tmux.ts";
import type { Trouble } from "./trouble.ts";
import { withoutOlder } from "./without-older.ts";

export interface SessionStatus {
  readonly state: SessionState;
  readonly session: SessionInfo;
  readonly token: number;
  /** Null, as its keeper's PID, of an orphan whose claim is gone. */
  readonly pulse: "kernel" | "lease" | null;
  readonly keeperPid: number | null;
  /** `other_directory`: this state directory is a copy of the one it runs in. */
  readonly where: Whereabouts | "other_directory";
  /** The host it runs on. */
  readonly host: string;
  /** False when its processes cannot be seen from here, wherever they are. */
  readonly visible: boolean;
  readonly activeSeconds: number;
  readonly lastActivity: Date;
  readonly lastOutputAt: Date | null;
  /** Zombies too: of who runs, `runningOf` tells. */
  readonly processes: readonly ProcessEntry[];
  /** Those of these that holdfast will not signal: only the claim says that they are the session's. */
  readonly unproven: readonly ProcessEntry[];
  readonly clients: readonly Client[];
  /** Of the tmux session its agent runs in; null without one, and when that does not answer. */
  readonly tmux: TmuxDetails | null;
}

/**
 * A session as it stands: what its claim, its files and the process table tell of it.
 * @param trouble told what cannot be read
 */
export async function sessionStatus(context: Context, live: LiveSession, trouble: Trouble): Promise<SessionStatus> {
  const { state, session, token, record } = live;
  const place = placeOf(context, live);
  return {
    state,
    session,
    token,
    pulse: record?.pulse.kind ?? null,
    keeperPid: record?.owner.pid ?? null,
    ...place,
    activeSeconds: secondsBetween(session.created_at, new Date()),
    lastActivity: lastSignOfLife(context.home, session),
    lastOutputAt: lastOutputAt(context.home, session),
    ...(place.visible ? await processesOf(context, live) : { processes: [], unproven: [] }),
    clients: liveClients(context, session, trouble.tell),
    tmux: place.visible ? await tmuxDetails(context, session) : null,
  };
}

/** By its agent, or by its keeper as long as there is none. An orphan is known by nothing but processes that are seen here. */
function placeOf(
  { home }: Context,
  { state, session, record }: LiveSession,
): Pick<SessionStatus, "where" | "host" | "visible"> {
  const keeper = record?.owner ?? null;
  const placed = session.agent ?? keeper;
  const host = placed?.host ?? session.by.host;
  if (isCopied(home, session)) return { where: "other_directory", host, visible: false };
  const isKeeperSeen = keeper !== null && livenessOf(keeper) !== "unknown";
  const where = placed === null ? "unknown" : whereaboutsOf(placed);
  return { where, host, visible: state === "orphaned" || isKeeperSeen };
}

/** Those that have not ended: a zombie has, and is only kept for its parent to look at. */
export function runningOf(processes: readonly ProcessEntry[]): readonly ProcessEntry[] {
  return processes.filter(({ state }) => state !== "zombie");
}

/** The recorded process first, then by age. */
async function processesOf(
  context: Context,
  { session, claim, record }: LiveSession,
): Promise<Pick<SessionStatus, "processes" | "unproven">> {
  const options = { claim, zombies: true };
  const table = withoutOlder(await context.processes(), session, record?.owner ?? null);
  const { members, unproven } = await findClaimed(table, context.home, session, options);
  const found = [...unproven, ...members];
  const isAgent = (entry: ProcessEntry) => entry.pid === session.agent?.pid;
  return { processes: found.toSorted((a, b) => Number(isAgent(b)) - Number(isAgent(a)) || a.pid - b.pid), unproven };
}
