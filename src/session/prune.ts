import { timeOfUid } from "../home/names.ts";
import type { Context } from "./context.ts";
import { readRecord, type SessionRecord } from "./session-end.ts";
import { removeSessionDirectory, sessionFiles, sessionUids } from "./session-files.ts";

/** How many more than `retention.keep` may gather before they are removed together: `run` may end many a second. */
const slack = 16;

/**
 * Forgets the output of ended sessions that are older than `retention.output`, or more than `retention.keep`. Their
 * events stay in the log. Never touches a session without a record: it has not ended. Never throws: what cannot be
 * forgotten is no concern of the session that has just ended, and is tried again after the next one.
 * @returns the ids of what it forgot
 */
export function pruneEnded(context: Context): readonly string[] {
  const forgotten: string[] = [];
  attempt(() => {
    const { keep, outputMs } = context.config.retention;
    // Uids begin with their time, so the names sort by age; a session is at most as old as its uid.
    const newestFirst = sessionUids(context.home).toSorted().toReversed();
    const oldest = Date.now() - outputMs;
    const isCrowded = newestFirst.length > keep + slack;
    for (const [index, uid] of newestFirst.entries()) {
      const isSurplus = isCrowded && index >= keep;
      if (!isSurplus && timeOfUid(uid) >= oldest) continue;
      attempt(() => forgotten.push(...pruneOne(context, uid, { isSurplus, oldest })));
    }
  });
  return forgotten;
}

function pruneOne(
  context: Context,
  uid: string,
  { isSurplus, oldest }: { readonly isSurplus: boolean; readonly oldest: number },
): readonly string[] {
  const record = readRecord(context.home, uid);
  if (record === null) return [];
  const isOld = Date.parse(record.end.ended_at) < oldest;
  if (!isOld && !isSurplus) return [];
  forget(context, record, isOld ? "older than retention.output" : "more than retention.keep");
  return [record.session.id];
}

/**
 * Removes what is kept of an ended session, and logs that it was forgotten (R4.7).
 * @throws Failure when its directory cannot be removed; nothing is logged then
 */
export function forget(context: Context, { lock, session, end }: SessionRecord, why: string): void {
  removeSessionDirectory(sessionFiles(context.home, session.uid));
  context.journal.append({
    event: "removed",
    lock: lock ?? context.lock.name,
    session: session.id,
    uid: session.uid,
    ...(session.token === null ? {} : { token: session.token }),
    by: context.by,
    why,
    ended_at: end.ended_at,
  });
}

function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // See `pruneEnded`.
  }
}
