import { readEventsBackward } from "../journal/read.ts";
import type { LockView } from "../lock/lock.ts";
import type { Context } from "./context.ts";
import { activeSession, noSession, reconcile } from "./reconcile.ts";
import { readRecord } from "./session-end.ts";
import { slotOf } from "./slots.ts";
import type { SessionInfo } from "./session-info.ts";
import { readableHold } from "./unsettled.ts";

/**
 * The active session, else the newest ended one that is remembered.
 * @param id only of this id
 * @throws Failure `NO_SESSION`
 */
export async function findSession(
  given: Context,
  id: string | null,
): Promise<{ readonly session: SessionInfo; readonly active: boolean }> {
  const context = await slotOf(given, id);
  const view = await context.lock.look();
  const active = activeSession(view);
  if (active !== null && (id === null || active.session.id === id)) return { session: active.session, active: true };
  const lost = await lostUnwritten(context, view);
  if (lost !== null && (id === null || lost.id === id)) return { session: lost, active: false };
  for (const event of readEventsBackward(context.home.log, { kinds: ["ended"] })) {
    if (event.lock !== context.lock.name || (id !== null && event.session !== id)) continue;
    const record = event.uid === undefined ? null : readRecord(context.home, event.uid);
    if (record !== null) return { session: record.session, active: false };
  }
  throw noSession(id);
}

/** One that died without a word has no end on record yet, and gets none on a full disk. Null when all is written. */
async function lostUnwritten(context: Context, view: LockView): Promise<SessionInfo | null> {
  let isWritten = true;
  await reconcile(context, view, { onUnwritable: () => (isWritten = false) });
  return isWritten || view.last === null ? null : (readableHold(view.last)?.session ?? null);
}
