import { Failure } from "../failure.ts";
import type { Home } from "../home/locate.ts";
import { readRecord, type SessionRecord } from "./session-end.ts";
import { sessionFiles, sessionUids, statOf } from "./session-files.ts";

export interface EndedQuery {
  /** At most so many. */
  readonly count: number;
  /** Only of this lock; null: of all. */
  readonly lock: string | null;
  /** Only those that ended at this time or later, in milliseconds; absent: whenever they ended. */
  readonly sinceMs?: number;
  /** Told of each record that cannot be read, which is passed over; absent: it is thrown. */
  readonly onUnreadable?: (failure: Failure) => void;
}

/** A file's time may lag behind the clock that `ended_at` was read from, by the length of a tick. */
const tickMs = 1000;

/**
 * The ended sessions that are remembered, the newest end first. A record is written when its session has ended, so none
 * tells of an end after its file's time: those that cannot be among the newest are never opened.
 * @throws Failure when the sessions cannot be listed, or a record cannot be read
 */
export function endedSessions(home: Home, query: EndedQuery): readonly SessionRecord[] {
  const { count, lock, sinceMs = Number.NEGATIVE_INFINITY } = query;
  const newest: SessionRecord[] = [];
  for (const { uid, latestMs } of recordsByTime(home)) {
    const last = newest.at(-1);
    const isFull = newest.length >= count;
    if (latestMs < sinceMs || (isFull && (last === undefined || latestMs < endedMs(last)))) break;
    const record = readOrTell(home, uid, query.onUnreadable);
    if (record === null || endedMs(record) < sinceMs || (lock !== null && record.lock !== lock)) continue;
    const place = newest.findLastIndex((other) => endedMs(other) >= endedMs(record)) + 1;
    newest.splice(place, 0, record);
    if (newest.length > count) newest.pop();
  }
  return newest;
}

function readOrTell(home: Home, uid: string, tell: EndedQuery["onUnreadable"]): SessionRecord | null {
  try {
    return readRecord(home, uid);
  } catch (error) {
    if (tell === undefined || !(error instanceof Failure)) throw error;
    tell(error);
    return null;
  }
}

/** The sessions with a record, the one written last first. */
function recordsByTime(home: Home): readonly { readonly uid: string; readonly latestMs: number }[] {
  return sessionUids(home)
    .flatMap((uid) => {
      const stat = statOf(sessionFiles(home, uid).record);
      return stat === null ? [] : [{ uid, latestMs: stat.mtimeMs + tickMs }];
    })
    .toSorted((a, b) => b.latestMs - a.latestMs);
}

/** Before everything else for a time that cannot be read. */
function endedMs({ end }: SessionRecord): number {
  return Date.parse(end.ended_at) || 0;
}
