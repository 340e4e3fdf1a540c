import { readEventsBackward } from "../journal/read.ts";
import type { Context } from "./context.ts";
import { activeSession, noSession } from "./reconcile.ts";
import { readRecord } from "./session-end.ts";
import type { SessionInfo } from "./session-info.ts";

/**
 * The active session, else the newest ended one that is remembered.
 * @param id only of this id
 * @throws Failure `NO_SESSION`
 */
export async function findSession(
  context: Context,
  id: string | null,
): Promise<{ readonly session: SessionInfo; readonly active: boolean }> {
  const active = activeSession(await context.lock.look());
  if (active !== null && (id === null || active.session.id === id)) return { session: active.session, active: true };
  for (const event of readEventsBackward(context.home.log, { kinds: ["ended"] })) {
    if (event.lock !== context.lock.name || (id !== null && event.session !== id)) continue;
    const record = event.uid === undefined ? null : readRecord(context.home, event.uid);
    if (record !== null) return { session: record.session, active: false };
  }
  throw noSession(id);
}
