import type { Failure } from "../failure.ts";
import { readEventsBackward } from "../journal/read.ts";
import type { Context } from "./context.ts";
import { findLive } from "./find-live.ts";
import { activeSession } from "./reconcile.ts";
import { noSession, notRememberedHere, placeInLine, stillInLine } from "./require-session.ts";
import { readRecord } from "./session-end.ts";
import { slotOf } from "./slot-of.ts";
import { slotsOf } from "./slots.ts";
import type { SessionInfo } from "./session-info.ts";
import { Trouble } from "./trouble.ts";
import { readableHold } from "./unsettled.ts";

/** Which session is meant. */
export interface Wanted {
  /** Null: whichever it is. */
  readonly id: string | null;
  /** Only this very one: ids come again. Null: whichever has the id. */
  readonly uid?: string | null;
}

/**
 * The session that is meant and lives: the one that holds the lock, else one that lives on without its keeper and does
 * not hold it. What is dead is closed on the way. Null when there is none.
 * @param trouble told when that cannot be written down; null: it is thrown
 * @throws Failure `USAGE` when several are active and none is named
 */
export async function findLiving(
  context: Context,
  { id, uid = null }: Wanted,
  trouble: Trouble | null,
): Promise<SessionInfo | null> {
  const isMeant = (session: SessionInfo) => (id === null || session.id === id) && (uid === null || session.uid === uid);
  const chosen = await slotOf(context, id);
  const active = activeSession(await chosen.lock.look());
  if (active !== null && isMeant(active.session)) return active.session;
  // One that cannot be read hides nobody else: when it may have the session that is meant, that has been said.
  const unreadable = new Trouble();
  for (const slot of slotsOf(context)) {
    const view = await unreadable.spare(() => slot.lock.look());
    const live = view === null ? [] : await findLive(slot, view, trouble);
    const meant = live.find(({ session }) => isMeant(session));
    if (meant !== undefined) return meant.session;
  }
  return null;
}

/**
 * The session that lives, else the newest ended one that is remembered.
 * @param id only of this id
 * @throws Failure `NO_SESSION`
 */
export async function findSession(
  given: Context,
  id: string | null,
): Promise<{ readonly session: SessionInfo; readonly isOver: boolean }> {
  const trouble = new Trouble();
  const living = await findLiving(given, { id }, trouble);
  if (living !== null) return { session: living, isOver: false };
  const context = await slotOf(given, id);
  const lost = trouble.found.length === 0 ? null : await lostUnwritten(context);
  if (lost !== null && (id === null || lost.id === id)) return { session: lost, isOver: true };
  for (const event of readEventsBackward(context.home.log, { kinds: ["ended"] })) {
    if (event.lock !== context.lock.name || (id !== null && event.session !== id)) continue;
    const record = event.uid === undefined ? null : readRecord(context.home, event.uid);
    if (record !== null) return { session: record.session, isOver: true };
  }
  throw id === null ? await noSession(given, id) : await notRemembered(given, id);
}

async function notRemembered(context: Context, id: string): Promise<Failure> {
  const place = placeInLine(await context.lock.look(), id);
  if (place !== null) return stillInLine(id, place);
  return notRememberedHere(context, id);
}

/** One that died without a word, and whose end could not be written: the log has no end of it. */
async function lostUnwritten(context: Context): Promise<SessionInfo | null> {
  const { last } = await context.lock.look();
  return last === null ? null : (readableHold(last)?.session ?? null);
}
