import { Failure } from "../failure.ts";
import { ensureState } from "../home/state-directory.ts";
import type { JudgedClaim } from "../lock/claim-directory.ts";
import { systemClock } from "../process/clock.ts";
import type { Survivor } from "../process/survivor.ts";
import type { ProcessEntry } from "../process/table.ts";
import { lastSignOfLife } from "./activity.ts";
import { liveClients } from "./clients.ts";
import type { Context } from "./context.ts";
import { endLost, endProcesses, type EndingOptions } from "./end-lost.ts";
import { endWaiter } from "./end-waiter.ts";
import { tryToNoteOrphaned } from "./orphans.ts";
import { findOutsideAgents } from "./outside-agents.ts";
import { activeSession, reconcile } from "./reconcile.ts";
import { readableRecord } from "./session-end.ts";
import { sessionUids } from "./session-files.ts";
import { waiterOf, type SessionInfo } from "./session-info.ts";
import { stopAtSlot } from "./stop.ts";
import { forget } from "./prune.ts";
import {
  attempt,
  matches,
  onOneLine,
  spare,
  type CleanupAction,
  type CleanupScope,
  type CleanupSubject,
} from "./cleanup-action.ts";
import { findStrays } from "./strays.ts";
import type { Unsettled } from "./unsettled.ts";

/** A holder whose claim was removed has put it back by then, and so has a waiter its ticket. */
const restoredWithinMs = 2_500;

/** Whoever removed the state directory under a session finds it again: until then its agent looks like a stray. */
export async function awaitRestoring(context: Context): Promise<readonly CleanupAction[]> {
  try {
    const strays = await findStrays(context);
    const wereRemoved = await Promise.all(strays.map((stray) => isWithoutClaim(context, stray)));
    if (wereRemoved.includes(true)) await systemClock.sleep(restoredWithinMs);
  } catch (error) {
    // Whoever has something to end here meets it again, and says so.
    if (!(error instanceof Failure)) throw error;
  }
  return [];
}

/** Whether nobody has ever held the slot that a process has its session in, as far as can be seen now. */
async function isWithoutClaim(context: Context, { pid }: ProcessEntry): Promise<boolean> {
  const environment = await (await context.processes()).variablesOf(pid);
  const slot = Number(environment?.get("HOLDFAST_SLOT") ?? 1);
  return Number.isSafeInteger(slot) && slot > 0 && (await context.lock.at(slot).look()).last === null;
}

/** Ends the session of this slot, which is no orphan; with `idleMs` only one that is idle, and never a `run`. */
export async function endActive(context: Context, scope: CleanupScope): Promise<readonly CleanupAction[]> {
  const active = activeSession(await context.lock.look());
  if (active === null || active.orphaned || !matches(scope, active.session.id)) return [];
  const { session } = active;
  const why = scope.idleMs === undefined ? "clean-up" : "idle without a client";
  if (scope.idleMs !== undefined && !isIdle(context, session, scope.idleMs)) return [];
  const subject = { what: "session", name: session.id, pid: session.agent?.pid ?? null, why } as const;
  const spared = spare(context, scope, subject, session.owner);
  if (spared !== null) return [spared];
  const isUntold = scope.idleMs !== undefined && session.mode === "foreground";
  return [isUntold ? mayBeBusy(context, subject) : await endSession(context, scope, session, why)];
}

/** How a `run` that looks idle is left alone: what it writes goes past holdfast, so nobody can tell. */
function mayBeBusy({ lock }: Context, subject: CleanupSubject): CleanupAction {
  const why = "whether a run is idle cannot be told";
  return { ...subject, why, result: "named", detail: `holdfast --lock ${lock.name} stop ${subject.name} ends it` };
}

/** Stops this very session, whoever owns it. */
export async function endSession(
  context: Context,
  scope: CleanupScope,
  { id, uid, agent }: SessionInfo,
  why: string,
): Promise<CleanupAction> {
  return attempt(scope, { what: "session", name: id, pid: agent?.pid ?? null, why }, async () => {
    try {
      const stopped = await stopAtSlot(context, { id, uid, force: true, reason: why });
      return stopped.kind === "session"
        ? countOf({ ended: stopped.end.processes, survivors: stopped.end.survivors })
        : "";
    } catch (error) {
      const isOver = error instanceof Failure && (error.code === "NO_SESSION" || error.code === "SESSION_MISMATCH");
      if (isOver) return "it ended by itself meanwhile";
      throw error;
    }
  });
}

/** Whether a session has had no client and given no sign of life for so long. */
function isIdle(context: Context, session: SessionInfo, idleMs: number): boolean {
  if (liveClients(context, session).length > 0) return false;
  return Date.now() - lastSignOfLife(context.home, session).getTime() >= idleMs;
}

/** Takes who waits out of the line, if `match` means it. A ticket that cannot be read is told as a failure, without `match`. */
export async function endWaiters(context: Context, scope: CleanupScope): Promise<readonly CleanupAction[]> {
  const { waiters, unreadable } = await context.lock.line();
  const { match } = scope;
  const isMeant = (id: string | undefined) => match === undefined || (id !== undefined && matches(scope, id));
  const meant = waiters.filter((ticket) => isMeant(waiterOf(ticket)?.id));
  const ended = await Promise.all(meant.map((ticket) => endOneWaiter(context, scope, ticket)));
  return [...ended, ...(match === undefined ? unreadable.map(leftInLine) : [])];
}

/** Whoever waits with such a ticket cannot be told of. */
function leftInLine(failure: Failure): CleanupAction {
  const detail = onOneLine(failure);
  return { what: "waiter", name: "unknown", pid: null, why: "clean-up", result: "failed", detail };
}

async function endOneWaiter(context: Context, scope: CleanupScope, ticket: JudgedClaim): Promise<CleanupAction> {
  const { pid } = ticket.record.owner;
  const waiter = waiterOf(ticket);
  const subject = { what: "waiter", name: waiter?.id ?? `ticket ${ticket.number}`, pid, why: "clean-up" } as const;
  const spared = spare(context, scope, subject, waiter?.owner);
  if (spared !== null) return spared;
  return attempt(scope, subject, async () => {
    return (await endWaiter(context, ticket)) ? "left the line" : "its turn came, and its session is to be ended";
  });
}

/** Ends what still runs of sessions without a keeper. Those of which nothing runs are closed, in a dry run too. */
export async function endOrphans(
  context: Context,
  scope: CleanupScope,
  options: OrphanOptions = {},
): Promise<readonly CleanupAction[]> {
  const lost = await reconcile(context, await context.lock.look());
  const actions: CleanupAction[] = [];
  for (const orphan of lost) {
    if (!matches(scope, orphan.session.id)) continue;
    const spared = spare(context, scope, orphanSubject(orphan), orphan.session.owner);
    actions.push(spared ?? (await endOrphan(context, scope, orphan, options)));
  }
  return actions;
}

type OrphanOptions = Pick<EndingOptions, "unlessSurvived">;

/**
 * Ends what still runs of a session whose keeper is dead, and closes the session. What lives on is a failure, and keeps the
 * session open if `unlessSurvived` is given.
 */
export async function endOrphan(
  context: Context,
  scope: CleanupScope,
  orphan: Unsettled,
  options: OrphanOptions = {},
): Promise<CleanupAction> {
  const { session, processes } = orphan;
  const run = async () => countOf(await endLost(context, session, "orphaned", options));
  const action = await attempt(scope, orphanSubject(orphan), run);
  if (action.result === "failed" && options.unlessSurvived === true) tryToNoteOrphaned(context, session, processes);
  return action;
}

function orphanSubject({ session, processes }: Unsettled): CleanupSubject {
  return { what: "orphan", name: session.id, pid: processes[0]?.pid ?? null, why: "its keeper is dead" };
}

/** Ends agents that run outside any session. @throws Failure when the sessions of a lock cannot be told of */
export async function endOutsiders(context: Context, scope: CleanupScope): Promise<readonly CleanupAction[]> {
  return endFound(context, scope, "outside any session", () => findOutsideAgents(context, { despiteDamage: false }));
}

/** What carries the cookie of a session of this lock that is over: its keeper lost sight of it. */
export async function endStrays(context: Context, scope: CleanupScope): Promise<readonly CleanupAction[]> {
  return endFound(context, scope, "left of an ended session", () => findStrays(context));
}

/** Ends the processes that are found, again and again until there are none. */
export async function endFound(
  context: Context,
  scope: CleanupScope,
  why: string,
  find: () => Promise<readonly ProcessEntry[]>,
): Promise<readonly CleanupAction[]> {
  const found = await find();
  if (found.length === 0) return [];
  const action = ({ pid, command }: ProcessEntry, result: CleanupAction["result"], detail: string | null) =>
    ({ what: "process", name: command, pid, why, result, detail }) as const;
  if (scope.dryRun === true) return found.map((entry) => action(entry, "planned", null));
  // They may be found where holdfast has never been used: what is done to them is logged all the same.
  ensureState(context.home);
  const { signal, killAfterMs } = context.config.stop;
  const { survivors } = await endProcesses(context, find, why, { signal, killAfterMs });
  const alive = new Map(survivors.map(({ pid, why: reason }) => [pid, `it lives on (${reason})`]));
  return found.map((entry) => {
    const left = alive.get(entry.pid) ?? null;
    return action(entry, left === null ? "ended" : "failed", left);
  });
}

/** Removes the ended sessions of this lock, and those of which nobody knows the lock; not what cannot be read. */
export async function forgetEnded(context: Context, scope: CleanupScope): Promise<readonly CleanupAction[]> {
  const oldest = Date.now() - (scope.endedMs ?? 0);
  const why = "ended long enough ago";
  const actions: CleanupAction[] = [];
  for (const uid of sessionUids(context.home)) {
    const record = readableRecord(context.home, uid);
    if (record === null || Date.parse(record.end.ended_at) > oldest || !matches(scope, record.session.id)) continue;
    if (record.lock !== null && record.lock !== context.lock.name) continue;
    const action = { what: "ended_session", name: record.session.id, pid: null, why } as const;
    actions.push(
      await attempt(scope, action, async () => {
        forget(context, record, why);
        return uid;
      }),
    );
  }
  return actions;
}

/** @throws Failure `NOT_PERMITTED` naming what lives on */
function countOf({
  ended,
  survivors,
}: {
  readonly ended: readonly unknown[];
  readonly survivors: readonly Survivor[];
}): string {
  const noun = ended.length === 1 ? "process" : "processes";
  const still = survivors.map(({ pid, why }) => `, PID ${pid} lives on (${why})`);
  const text = `${ended.length} ${noun} ended${still.join("")}`;
  if (survivors.length > 0) throw new Failure("NOT_PERMITTED", text);
  return text;
}
