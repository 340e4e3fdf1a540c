import { readEventsBackward } from "../journal/read.ts";
import type { HeldLock } from "../lock/lock.ts";
import { systemClock } from "../process/clock.ts";
import type { TerminateResult } from "../process/terminate.ts";
import { lastSignOfLife } from "./activity.ts";
import type { Context } from "./context.ts";
import { EndWriter, findEnd, hasRecord, readableRecord, secondsBetween, type SessionEnd } from "./session-end.ts";
import type { SessionInfo } from "./session-info.ts";
import { forgetTmux } from "./session-tmux.ts";

const nothingEnded: TerminateResult = { ended: [], survivors: [] };

/**
 * Writes the end of a session whose keeper died: exactly once, because only a holder of the lock may do it, and it
 * looks first whether the log has it already.
 * @param lock shows that the caller holds the lock
 * @param terminated what was ended of it just now
 * @returns what went wrong while it was written, in words; null when nothing was left to be written
 */
export async function closeLost(
  context: Context,
  lock: HeldLock,
  session: SessionInfo,
  terminated?: TerminateResult,
): Promise<readonly string[] | null> {
  const writer = await logLost(context, lock, session, terminated);
  writer?.record();
  writer?.sync();
  return writer?.problems ?? null;
}

/**
 * As `closeLost`, but for the record, and for waiting until the disk has it.
 * @returns to do that with; null when nothing is left to be written
 */
export async function logLost(
  context: Context,
  _lock: HeldLock,
  session: SessionInfo,
  terminated: TerminateResult = nothingEnded,
): Promise<EndWriter | null> {
  await letKeeperSpeak(context, session);
  const logged = lastLogged(context, session.uid);
  if (logged.event === "ended") return writerOfRecord(context, session);
  forgetTmux(context, session);
  const end = readableRecord(context.home, session.uid)?.end ?? lostEnd(context, session, terminated, logged);
  const writer = new EndWriter(context, session, end);
  writer.log();
  return writer;
}

function lostEnd(
  context: Context,
  session: SessionInfo,
  terminated: TerminateResult,
  { stopRequestedAt }: Logged,
): SessionEnd {
  const activity = lastSignOfLife(context.home, session);
  // Dead for days, it ended when it last gave a sign of life, not when somebody noticed. Whoever asked it to stop had
  // found it alive.
  const lastSeen = stopRequestedAt === null || stopRequestedAt < activity ? activity : stopRequestedAt;
  const endedAt = terminated.ended.length > 0 ? new Date() : lastSeen;
  return {
    ended_at: endedAt.toISOString(),
    duration_seconds: secondsBetween(session.created_at, endedAt),
    reason: "lost",
    exit_code: null,
    signal: null,
    last_activity: activity.toISOString(),
    ended_by: context.by,
    stop_reason: null,
    processes: [...terminated.ended],
    survivors: [...terminated.survivors],
  };
}

/** Who died between the log and the record left the log alone to tell of the end. */
function writerOfRecord(context: Context, session: SessionInfo): EndWriter | null {
  const end = hasRecord(context.home, session.uid) ? null : findEnd(context, session.uid);
  return end === null ? null : new EndWriter(context, session, end);
}

/** A keeper that goes on after it was frozen looks within a second, and ends its agent. */
const keeperSpeaksWithinMs = 3_000;
const lookEveryMs = 2;

/**
 * A keeper that has lost the lock may be alive: it stood still for longer than its lease lasts. Then the end of its
 * session is its own to tell. One that stands still for ever does not hold anybody up for long.
 */
async function letKeeperSpeak(context: Context, { uid, token }: SessionInfo): Promise<void> {
  const deadline = systemClock.now() + keeperSpeaksWithinMs;
  while (systemClock.now() < deadline && !hasRecord(context.home, uid)) {
    const claim = token === null ? null : await context.lock.below(token + 1);
    if (claim?.number !== token || claim.record.state === "released" || claim.owner !== "alive") return;
    await systemClock.sleep(lookEveryMs);
  }
}

/** What the log says of a session's life. */
interface Logged {
  /** The last of these; null: neither. */
  readonly event: "claimed" | "ended" | null;
  /** When it was last asked to stop, if that was after `event`. */
  readonly stopRequestedAt: Date | null;
}

/** Reads the log backwards, as far as the last `claimed` or `ended` of this session; all of it where there is none. */
export function lastLogged(context: Context, uid: string): Logged {
  let stopRequestedAt: Date | null = null;
  for (const event of readEventsBackward(context.home.log, { kinds: ["ended", "claimed", "stop_requested"] })) {
    if (event.uid !== uid) continue;
    if (event.event === "ended" || event.event === "claimed") return { event: event.event, stopRequestedAt };
    stopRequestedAt ??= new Date(event.time);
  }
  return { event: null, stopRequestedAt };
}
