import { Failure } from "../failure.ts";
import { shellWord } from "../home/shell-word.ts";
import { abortAfter, systemClock } from "../process/clock.ts";
import { livenessOf, type ProcessIdentity } from "../process/identity.ts";
import type { TerminateResult } from "../process/terminate.ts";
import type { Context } from "./context.ts";
import { endLost, type EndingOptions } from "./end-lost.ts";
import { endWaiter } from "./end-waiter.ts";
import { otherOwner } from "./owners.ts";
import { outOfReach, runsElsewhere } from "./out-of-reach.ts";
import { activeSession, reconcile, type ActiveSession } from "./reconcile.ts";
import { mismatch, noSession } from "./require-session.ts";
import { findEnd, findFreshEnd, readFreshRecord, type SessionEnd } from "./session-end.ts";
import { longestGraceMs, waiterOf, type SessionInfo } from "./session-info.ts";
import { findClaimed, isCopied } from "./session-roots.ts";
import { proveOwner, signalOwner } from "./signal-owner.ts";
import { slotOf } from "./slot-of.ts";
import { writeStopRequest } from "./stop-request.ts";
import { readableHold } from "./unsettled.ts";

export interface StopRequestOptions extends EndingOptions {
  /** Null: whatever session is active. */
  readonly id: string | null;
  /** Only this very session: ids come again. */
  readonly uid?: string;
  readonly reason?: string;
  /** Allows another owner's session, named by its id. */
  readonly force?: boolean;
}

export type Stopped =
  | { readonly kind: "session"; readonly session: SessionInfo; readonly end: SessionEnd }
  /** A session that was only waiting in line. */
  | { readonly kind: "waiter"; readonly id: string; readonly pid: number };

/** How much longer than the grace period a keeper may take before it counts as hung. */
const keeperPatienceMs = 15_000;

/**
 * Ends the active session, or takes a waiting one out of the line. When it returns no process of the session is left,
 * but for those that its end names as survivors, and the lock is free.
 * @throws Failure `NO_SESSION`, `SESSION_MISMATCH`, `NOT_PERMITTED` (another owner's session, or processes that may not
 *   be signalled)
 */
export async function stop(context: Context, options: StopRequestOptions): Promise<Stopped> {
  return stopAtSlot(await slotOf(context, options.id, options.uid), options);
}

/** Ends the session of this very slot, and looks at no other. */
export async function stopAtSlot(context: Context, options: StopRequestOptions): Promise<Stopped> {
  const view = await context.lock.look();
  const active = activeSession(view);
  if (active !== null && isMeant(active.session, options)) {
    refuseOthersSession(context, active.session, options);
    const { session, claim } = active;
    const end = await stopActive(context, active, options);
    return end === null
      ? { kind: "waiter", id: session.id, pid: claim.record.owner.pid }
      : { kind: "session", session: { ...session, phase: "ended" }, end };
  }
  const lost = (await reconcile(context, view)).find(({ session }) => isMeant(session, options));
  if (lost !== undefined) {
    refuseOthersSession(context, lost.session, options);
    logRequest(context, lost.session, options);
    const end = await stopLost(context, lost.session, options);
    return { kind: "session", session: { ...lost.session, phase: "ended" }, end };
  }
  const waiter =
    options.id === null || options.uid !== undefined
      ? undefined
      : view.waiters.find((ticket) => waiterOf(ticket)?.id === options.id);
  if (waiter !== undefined && options.id !== null) {
    const { uid, owner = null } = waiterOf(waiter) ?? {};
    refuseOthersSession(context, { id: options.id, owner }, options);
    const { id } = options;
    tryTo(() => logRequest(context, { id, uid }, options));
    if (await endWaiter(context, waiter, options))
      return { kind: "waiter", id: options.id, pid: waiter.record.owner.pid };
    return stopTurned(context, options, uid);
  }
  throw options.id !== null && active !== null
    ? await mismatch(context, options.id, active.session.id)
    : await noSession(context, options.id);
}

/** Stops a session whose turn came in the moment in which it was to be taken out of the line. */
async function stopTurned(context: Context, options: StopRequestOptions, uid: string | undefined): Promise<Stopped> {
  if (uid === undefined) return stop(context, options);
  try {
    return await stop(context, { ...options, uid });
  } catch (error) {
    // It has gone by the signal it had as a waiter.
    const record = readFreshRecord(context, uid);
    if (record === null) throw error;
    return { kind: "session", session: record.session, end: record.end };
  }
}

function isMeant({ id, uid }: SessionInfo, options: StopRequestOptions): boolean {
  return (options.id === null || options.id === id) && (options.uid === undefined || options.uid === uid);
}

function refuseOthersSession(
  context: Context,
  session: Pick<SessionInfo, "id" | "owner">,
  options: StopRequestOptions,
): void {
  const owner = otherOwner(context, session.owner);
  if (owner === null || (options.force === true && options.id !== null)) return;
  throw new Failure("NOT_PERMITTED", `${session.id} belongs to ${owner}`, {
    facts: { session: session.id, owner },
    next: [{ does: "stop it all the same", command: `holdfast stop ${session.id} --force` }],
  });
}

/** Null: it did not come to be. It had its turn for a moment, found an orphan in its way, and was about to wait on. */
async function stopActive(
  context: Context,
  active: ActiveSession,
  options: StopRequestOptions,
): Promise<SessionEnd | null> {
  const { claim, session } = active;
  tryTo(() => logRequest(context, session, options));
  if (isCopied(context.home, session)) throw runsElsewhere(session);
  if (active.orphaned) return stopLost(context, session, options);
  // Before the request is there: somebody may remove the state directory, and with it the proof and the request.
  const signalKeeper = await proveOwner(context, claim);
  tryTo(() =>
    writeStopRequest(context.home, session.uid, {
      by: context.by,
      reason: options.reason ?? null,
      signal: options.signal ?? null,
      kill_after_ms: options.killAfterMs ?? null,
    }),
  );
  signalKeeper("SIGTERM");
  // One that Ctrl-Z has stopped takes it when it goes on.
  if (session.mode === "foreground") signalKeeper("SIGCONT");
  const patienceMs = longestGraceMs(session, options.killAfterMs) + keeperPatienceMs;
  const isOver = await hasLetGo(context, active, patienceMs);
  const end = isOver ? findFreshEnd(context, session.uid) : null;
  if (end !== null) return end;
  const isGivenBack = isOver && (await isReleased(context, active));
  if (isGivenBack && (await wasForNobody(context, active))) return null;
  return isGivenBack ? stopLost(context, session, options) : stopHung(context, active, { ...options, isOver });
}

/** Whether a claim that has ended was given back, or taken over; else its keeper is dead, or its lease is while it hangs. */
async function isReleased(context: Context, { claim }: ActiveSession): Promise<boolean> {
  const { last } = await context.lock.look();
  return last === null || last.number !== claim.number || last.record.state === "released";
}

/** Whether a claim was given back as that of no session. */
async function wasForNobody(context: Context, { claim: { number } }: ActiveSession): Promise<boolean> {
  const claim = await context.lock.below(number + 1);
  return claim?.number === number && claim.record.state === "released" && readableHold(claim)?.session === null;
}

/** The keeper is dead, stopped or hung: its session is ended without it. @param options `isOver`: its claim is dead */
async function stopHung(
  context: Context,
  active: ActiveSession,
  options: StopRequestOptions & { readonly isOver: boolean },
): Promise<SessionEnd> {
  const { claim, session } = active;
  const known = new Map<number, ProcessIdentity>();
  // As long as the keeper is there, it vouches for its agent.
  await findClaimed(await context.processes(), context.home, session, { claim, known });
  const result = await signalOwner(context, claim, "SIGKILL");
  if (result === "signalled") tryTo(() => logKilled(context, active));
  const isReached = result === "signalled" || result === "gone";
  if (!isReached && !options.isOver) throw outOfReach(active);
  return stopLost(context, session, { ...options, known });
}

/** A full disk is no reason not to stop what may be filling it: a keeper that knows of no request ends as configured. */
function tryTo(write: () => void): void {
  try {
    write();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}

function logRequest(
  context: Context,
  { id, uid }: { readonly id: string; readonly uid: string | undefined },
  options: StopRequestOptions,
): void {
  context.journal.append({
    event: "stop_requested",
    lock: context.lock.name,
    session: id,
    ...(uid === undefined ? {} : { uid }),
    by: context.by,
    ...(options.reason === undefined ? {} : { reason: options.reason }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}

function logKilled(context: Context, { claim, session }: ActiveSession): void {
  context.journal.append({
    event: "process_ended",
    lock: context.lock.name,
    session: session.id,
    uid: session.uid,
    by: context.by,
    pid: claim.record.owner.pid,
    command: "holdfast (its keeper)",
    how: "SIGKILL",
    why: "it did not react to stop",
  });
}

/** How often to look at a keeper whose claim says nothing of it any more. */
const lookEveryMs = 20;

/** Whether the session is over in time as far as its keeper goes: the end is written, or the keeper dead. */
export async function hasLetGo(
  context: Context,
  { claim, session }: ActiveSession,
  patienceMs: number,
): Promise<boolean> {
  const patience = abortAfter(patienceMs);
  const { owner } = claim.record;
  try {
    for (;;) {
      const now = activeSession(await context.lock.look());
      if (now?.session.uid === session.uid) {
        if (now.orphaned) return true;
        await context.lock.waitForEnd(now.claim, patience);
        continue;
      }
      // A claim can be gone without its keeper, which then has a session to end: when somebody deletes the directory.
      if (livenessOf(owner) !== "alive" || findEnd(context, session.uid) !== null) return true;
      await systemClock.sleep(lookEveryMs, patience);
      patience.throwIfAborted();
    }
  } catch (error) {
    if (patience.aborted) return false;
    throw error;
  }
}

/** Ends a session whose keeper is dead, in its keeper's place. */
async function stopLost(context: Context, session: SessionInfo, options: StopRequestOptions): Promise<SessionEnd> {
  const terminated = await endLost(context, session, "stop", options);
  const end = findFreshEnd(context, session.uid);
  if (end !== null) return withAll(end, terminated);
  const { log } = context.home;
  throw new Failure("IO", `${session.id} has ended, but its end could not be written\n${log}`, {
    facts: { session: session.id, path: log },
    next: [{ does: "see whether the disk is full", command: `df -h ${shellWord(context.home.state)}` }],
  });
}

/** The end of a session, with what was ended of it here: the next in line may have written it down, and not have known. */
function withAll(end: SessionEnd, { ended, survivors }: TerminateResult): SessionEnd {
  const isNew = (known: readonly { pid: number }[]) => (each: { pid: number }) =>
    known.every(({ pid }) => pid !== each.pid);
  return {
    ...end,
    processes: [...end.processes, ...ended.filter(isNew(end.processes))],
    survivors: [...end.survivors, ...survivors.filter(isNew(end.survivors))],
  };
}
