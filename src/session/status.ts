import type { LockView } from "../lock/lock.ts";
import type { JudgedClaim } from "../lock/claim-directory.ts";
import { findTree } from "../process/tree.ts";
import { livenessOf } from "../process/identity.ts";
import type { ProcessEntry, ProcessTable } from "../process/table.ts";
import { lastOutputAt, lastSignOfLife } from "./activity.ts";
import { liveClients, type Client } from "./clients.ts";
import type { TmuxDetails } from "../tmux/tmux-server.ts";
import type { Context } from "./context.ts";
import { findLive, type LiveSession, type SessionState } from "./find-live.ts";
import { countOperations, type OperationCount } from "./operations.ts";
import { tryToNoteOrphaned } from "./orphans.ts";
import { findOutsideAgents } from "./outside-agents.ts";
import { readPidFile, type PidFile } from "./pid-file.ts";
import { secondsBetween } from "./session-end.ts";
import { tmuxDetails } from "./session-tmux.ts";
import { slotsOf } from "./slots.ts";
import { waiterOf, type SessionInfo, type WaiterInfo } from "./session-info.ts";
import { rootsOf } from "./unsettled.ts";

export interface SessionStatus {
  readonly state: SessionState;
  readonly session: SessionInfo;
  readonly token: number;
  readonly pulse: "kernel" | "lease";
  readonly keeperPid: number;
  /** False when its processes live under another kernel or PID namespace and cannot be seen from here. */
  readonly visible: boolean;
  readonly activeSeconds: number;
  readonly lastActivity: Date;
  readonly lastOutputAt: Date | null;
  readonly processes: readonly ProcessEntry[];
  readonly clients: readonly Client[];
  /** Of the tmux session its agent runs in; null without one, and when that does not answer. */
  readonly tmux: TmuxDetails | null;
}

export interface QueueEntry {
  readonly position: number;
  readonly waiter: WaiterInfo | null;
  readonly pid: number;
  readonly since: string;
  readonly waitingSeconds: number;
}

export interface Status {
  readonly lock: string;
  /** The link that exists while a session is active. */
  readonly lockFile: string;
  /** The active session, or one that its keeper left; more than one only after `start --force`. */
  readonly sessions: readonly SessionStatus[];
  /** Agent processes outside any session. */
  readonly outside: readonly ProcessEntry[];
  /** How many sessions may hold the lock at once, going by those that do. */
  readonly slots: number;
  readonly operations: readonly OperationCount[];
  readonly queue: readonly QueueEntry[];
  readonly pidFile: PidFile | null;
  /** What is wrong, in words; empty when nothing is. */
  readonly problems: readonly string[];
}

/** Everything about one lock, as it is in truth: a session that is dead is closed on the way, never listed. */
export async function status(given: Context): Promise<Status> {
  const context = withOneLook(given);
  const sessions: SessionStatus[] = [];
  const views: LockView[] = [];
  for (const slot of slotsOf(given)) {
    const view = await slot.lock.look();
    views.push(view);
    // Not with one look at the processes: this may have to look again, at those that are dying.
    for (const live of await findLive(slot, view)) sessions.push(await sessionStatus(context, live));
  }
  for (const { state, session, processes } of sessions) {
    if (state === "orphaned" && processes.length > 0) tryToNoteOrphaned(given, session, processes);
  }
  const outside = await findOutsideAgents(context);
  const processes = [...sessions.flatMap((each) => each.processes), ...outside];
  return {
    lock: context.lock.name,
    lockFile: context.home.lockLink(context.lock.name),
    sessions,
    outside,
    operations: countOperations(context.config.operations, processes),
    slots: Math.max(1, ...sessions.map(({ session }) => session.slots)),
    queue: (views[0]?.waiters ?? []).map(queueEntry),
    pidFile: readPidFile(context),
    problems: problemsOf(views, sessions, outside.length),
  };
}

/** One look at the processes serves every question that is asked of them. */
function withOneLook(context: Context): Context {
  let table: Promise<ProcessTable> | undefined;
  return { ...context, processes: () => (table ??= context.processes().then(lookOnce)) };
}

function lookOnce(table: ProcessTable): ProcessTable {
  let entries: Promise<readonly ProcessEntry[]> | undefined;
  return {
    list: async (among = () => true) => (await (entries ??= table.list())).filter(({ pid }) => among(pid)),
    environmentOf: (pid, prefix) => table.environmentOf(pid, prefix),
    workingDirectoryOf: (pid) => table.workingDirectoryOf(pid),
  };
}

async function sessionStatus(context: Context, live: LiveSession): Promise<SessionStatus> {
  const { state, session, token, claim } = live;
  const visible = livenessOf(claim.record.owner) !== "unknown";
  return {
    state,
    session,
    token,
    pulse: claim.record.pulse.kind,
    keeperPid: claim.record.owner.pid,
    visible,
    activeSeconds: secondsBetween(session.created_at, new Date()),
    lastActivity: lastSignOfLife(context.home, session),
    lastOutputAt: lastOutputAt(context.home, session),
    processes: visible ? await processesOf(context, session) : [],
    clients: liveClients(context, session),
    tmux: visible ? await tmuxDetails(context, session) : null,
  };
}

/** The recorded process first, then by age. */
async function processesOf(context: Context, session: SessionInfo): Promise<readonly ProcessEntry[]> {
  const found = await findTree(await context.processes(), rootsOf(session));
  const isAgent = (entry: ProcessEntry) => entry.pid === session.agent?.pid;
  return found.toSorted((a, b) => Number(isAgent(b)) - Number(isAgent(a)) || a.pid - b.pid);
}

/** A waiter as it stands in line. @param index its place, from 0 */
export function queueEntry(ticket: JudgedClaim, index: number): QueueEntry {
  return {
    position: index + 1,
    waiter: waiterOf(ticket),
    pid: ticket.record.owner.pid,
    since: ticket.record.since,
    waitingSeconds: secondsBetween(ticket.record.since, new Date()),
  };
}

function problemsOf(
  views: readonly LockView[],
  sessions: readonly SessionStatus[],
  outside: number,
): readonly string[] {
  const problems: string[] = [];
  for (const { state, session, processes } of sessions) {
    if (state === "orphaned") {
      const still = processes.length === 1 ? "1 process of it lives" : `${processes.length} processes of it live`;
      problems.push(`${session.id} is orphaned: its keeper is dead, ${still}`);
    }
  }
  for (const { session, lastActivity } of sessions) {
    const silentMs = Date.now() - lastActivity.getTime();
    if (session.mode === "background" && session.idle_ms !== null && silentMs > session.idle_ms) {
      problems.push(`${session.id} is silent for longer than its idle limit of ${session.idle_ms / 1000} s`);
    }
  }
  if (outside > 0)
    problems.push(`${outside} agent ${outside === 1 ? "process runs" : "processes run"} outside any session`);
  if (views.some(({ holder }) => holder?.heartbeat === "unknown"))
    problems.push("whether the holder lives cannot be told from here; it counts as alive");
  return problems;
}
