import type { Failure, NextStep } from "../failure.ts";
import type { LockView } from "../lock/lock.ts";
import type { JudgedClaim } from "../lock/claim-directory.ts";
import { whereaboutsOf, type Whereabouts } from "../process/identity.ts";
import { listedBy, type ProcessEntry, type ProcessTable } from "../process/table.ts";
import { agentPidFile } from "./agent-pid-file.ts";
import type { Context } from "./context.ts";
import { findLive } from "./find-live.ts";
import { countOperations, type OperationCount } from "./operations.ts";
import { tryToNoteOrphaned } from "./orphans.ts";
import { agentTest, findOutsideAgents } from "./outside-agents.ts";
import type { PidFile } from "./pid-file.ts";
import { secondsBetween } from "./session-end.ts";
import { slotsOf } from "./slots.ts";
import { waiterOf, type WaiterInfo } from "./session-info.ts";
import { startStep } from "./start-again.ts";
import { problemsOf } from "./status-problems.ts";
import { runningOf, sessionStatus, type SessionStatus } from "./session-status.ts";
import { ignoredConfig, inOneLine, Trouble } from "./trouble.ts";

export interface QueueEntry {
  readonly position: number;
  readonly waiter: WaiterInfo | null;
  readonly pid: number;
  /** Where it waits; elsewhere its PID means nothing here. */
  readonly where: Whereabouts;
  readonly host: string;
  readonly since: string;
  readonly waitingSeconds: number;
}

export interface Status {
  readonly lock: string;
  /** The link that exists while a session is active. */
  readonly lockFile: string;
  /** The sessions that live, slot by slot; in one slot more than one only after `start --force`. */
  readonly sessions: readonly SessionStatus[];
  /** Agent processes outside any session. */
  readonly outside: readonly ProcessEntry[];
  /** How many agent processes run, in sessions and outside. */
  readonly processCount: number;
  /** How many sessions may hold the lock at once, going by those that do. */
  readonly slots: number;
  readonly operations: readonly OperationCount[];
  readonly queue: readonly QueueEntry[];
  readonly pidFile: PidFile | null;
  /** What is wrong, in words; empty when nothing is. */
  readonly problems: readonly string[];
  /** What of these could not be read or written. */
  readonly trouble: readonly Failure[];
  /** Why a slot of the lock cannot be told of; null when all can. */
  readonly hidden: Failure | null;
  /** How to begin, where there is nothing yet. */
  readonly toStart: NextStep;
}

export interface StatusRequest {
  /** False: nothing of what is the directory's, and no lock's: agents outside, PID file, configuration. */
  readonly ofDirectory?: boolean;
}

/**
 * Everything about one lock, as it is in truth: a session that is dead is closed on the way, never listed. What cannot be
 * read hides nothing else.
 * @throws Failure `DATA`, `NOT_PERMITTED` when nothing can be told of the lock
 */
export async function status(given: Context, { ofDirectory = true }: StatusRequest = {}): Promise<Status> {
  const context = withOneLook(given);
  const sessions: SessionStatus[] = [];
  const views: LockView[] = [];
  const trouble = new Trouble();
  for (const slot of slotsOf(given)) {
    await trouble.spare(async () => {
      const view = await slot.lock.look();
      // Not with one look at the processes: this may have to look again, at those that are dying.
      const live = await findLive(slot, view, trouble);
      for (const each of live) sessions.push(await sessionStatus(context, each, trouble));
      view.unreadable.forEach(trouble.tell);
      views.push(view);
    });
  }
  if (views.length === 0 && trouble.hidden !== null) throw trouble.hidden;
  for (const { state, session, processes } of sessions) {
    const running = runningOf(processes);
    if (state === "orphaned" && running.length > 0) tryToNoteOrphaned(given, session, running);
  }
  const outside = ofDirectory ? await findOutsideAgents(context) : [];
  const pidFile = ofDirectory ? await agentPidFile(context, sessions, outside) : null;
  const processes = [...sessions.flatMap((each) => runningOf(each.processes)), ...outside];
  return {
    lock: context.lock.name,
    lockFile: context.home.lockLink(context.lock.name),
    sessions,
    outside,
    processCount: processes.length,
    operations: countOperations(context.config.operations, processes),
    slots: Math.max(1, ...sessions.map(({ session }) => session.slots)),
    queue: (views[0]?.waiters ?? []).map(queueEntry),
    pidFile,
    problems: [
      ...problemsOf(views, sessions, { outside, pidFile }),
      ...(context.wrongConfig === undefined || !ofDirectory ? [] : ignoredConfig(context.wrongConfig)),
      ...trouble.found.map(inOneLine),
    ],
    trouble: trouble.found,
    hidden: trouble.hidden,
    toStart: startStep(context.config, null),
  };
}

/** If somebody has to look at all processes, that one look serves every question that is asked of them. */
function withOneLook(context: Context): Context {
  let table: Promise<ProcessTable> | undefined;
  const needsAll = agentTest(context) !== null;
  return { ...context, processes: () => (table ??= context.processes().then((all) => lookOnce(all, needsAll))) };
}

function lookOnce(table: ProcessTable, needsAll: boolean): ProcessTable {
  let entries: Promise<readonly ProcessEntry[]> | undefined;
  return listedBy(table, async (among) => {
    if (among !== undefined && entries === undefined && !needsAll) return table.list(among);
    const all = await (entries ??= table.list());
    return among === undefined ? all : all.filter(({ pid }) => among(pid));
  });
}

/** A waiter as it stands in line. @param index its place, from 0 */
export function queueEntry(ticket: JudgedClaim, index: number): QueueEntry {
  const { owner } = ticket.record;
  return {
    position: index + 1,
    waiter: waiterOf(ticket),
    pid: owner.pid,
    where: whereaboutsOf(owner),
    host: owner.host,
    since: ticket.record.since,
    waitingSeconds: secondsBetween(ticket.record.since, new Date()),
  };
}
