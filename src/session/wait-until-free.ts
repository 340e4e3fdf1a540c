import type { LineView } from "../lock/lock.ts";
import { systemClock } from "../process/clock.ts";
import type { Context } from "./context.ts";
import { findLive } from "./find-live.ts";
import { refuseToWaitForItself } from "./inside.ts";
import { activeSession } from "./reconcile.ts";
import { mismatch } from "./require-session.ts";
import { findFreshEnd, type SessionEnd } from "./session-end.ts";
import { waiterOf, type SessionInfo } from "./session-info.ts";
import { slotsOf } from "./slots.ts";
import { lookAtOrphansEveryMs, untilOver } from "./until-over.ts";

export interface Freed {
  /** The one that was waited for last, of a lock with one slot; null when it was free all along. */
  readonly session: SessionInfo | null;
  /** How that ended. */
  readonly end: SessionEnd | null;
}

/** How often to look at a lock with several slots: no one end of a claim tells that one of them is free. */
const lookAtSlotsEveryMs = 100;

/**
 * Waits until the lock could be had at once: nobody holds it, lives on in its way, or waits in line. Of a lock with
 * several slots it is enough that one is free.
 * @param id who is expected to hold the lock or to wait for it, if anybody does
 * @throws the signal's reason when it aborts; Failure `SESSION_MISMATCH`; `BUSY` inside the session to wait for; `DATA` when
 *   somebody may be in line whose ticket cannot be read
 */
export async function waitUntilFree(context: Context, id: string | null, signal?: AbortSignal): Promise<Freed> {
  let last: SessionInfo | null = null;
  for (let isFirst = true; ; isFirst = false) {
    const { line, taken } = await lookAround(context);
    const [next] = line.waiters;
    const [first] = taken;
    const isTaken = first !== undefined && taken.length >= first.session.slots;
    if (!isTaken && next === undefined) {
      const [unreadable] = line.unreadable;
      if (unreadable !== undefined) throw unreadable;
      return answer(context, last);
    }
    if (isFirst && id !== null)
      await refuseOthers(context, id, [...taken.map(({ session }) => session.id), ...idsInLine(line)]);
    if (isTaken && first.session.slots === 1) {
      refuseToWaitForItself(context, first.session);
      await untilOver(context, first.session, signal === undefined ? {} : { signal });
      last = first.session;
    } else if (isTaken) {
      await systemClock.sleep(taken.every(({ holds }) => holds) ? lookAtSlotsEveryMs : lookAtOrphansEveryMs, signal);
      signal?.throwIfAborted();
    } else if (next !== undefined) {
      await context.lock.waitForEnd(next, signal);
    }
  }
}

interface Taken {
  readonly session: SessionInfo;
  /** False: it lives on without its keeper, in the way of whoever takes its slot. */
  readonly holds: boolean;
}

/** The line is looked at first: who has its turn meanwhile is seen to wait, or to hold a slot. */
async function lookAround(context: Context): Promise<{ readonly line: LineView; readonly taken: readonly Taken[] }> {
  const line = await context.lock.line();
  const taken: Taken[] = [];
  for (const slot of slotsOf(context)) {
    const view = await slot.lock.look();
    const active = activeSession(view);
    const session = active?.session ?? (await findLive(slot, view, null))[0]?.session;
    if (session !== undefined) taken.push({ session, holds: active !== null });
  }
  return { line, taken };
}

function idsInLine({ waiters }: LineView): readonly string[] {
  return waiters.flatMap((ticket) => waiterOf(ticket)?.id ?? []);
}

/** @throws Failure `SESSION_MISMATCH` when none of these is the one that is meant */
async function refuseOthers(context: Context, id: string, ids: readonly string[]): Promise<void> {
  const [found] = ids;
  if (found !== undefined && !ids.includes(id)) throw await mismatch(context, id, found);
}

function answer(context: Context, session: SessionInfo | null): Freed {
  if (session === null) return { session, end: null };
  return { session: { ...session, phase: "ended" }, end: findFreshEnd(context, session.uid) };
}
