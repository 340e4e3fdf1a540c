import { Failure } from "../failure.ts";
import { readEventsBackward } from "../journal/read.ts";
import type { JudgedClaim } from "../lock/claim-directory.ts";
import type { HeldLock } from "../lock/lock.ts";
import { systemClock } from "../process/clock.ts";
import type { ProcessEntry } from "../process/table.ts";
import type { TerminateResult } from "../process/terminate.ts";
import { lastSignOfLife } from "./activity.ts";
import type { Context } from "./context.ts";
import { readRecord, secondsBetween, writeEnd } from "./session-end.ts";
import { forgetTmux } from "./session-tmux.ts";
import { holdOf, type Hold, type SessionInfo } from "./session-info.ts";
import { findClaimed, type ClaimedFamily } from "./session-roots.ts";

/** A session that was never ended, and what still runs of it. Without processes it only has to be closed. */
export interface Unsettled {
  readonly session: SessionInfo;
  readonly processes: readonly ProcessEntry[];
  /** Those of these that are not to be signalled: nobody starts beside them, either. */
  readonly unproven: readonly ProcessEntry[];
}

/**
 * The sessions whose keepers died without a word, going by the claim `from` and those below it: down to the first
 * holder that has written what it found itself. Usually that reads one claim.
 */
export async function findUnsettled(context: Context, from: JudgedClaim | null): Promise<readonly Unsettled[]> {
  const found = new Map<string, SessionInfo>();
  for (let claim = from; claim !== null; claim = await context.lock.below(claim.number)) {
    const hold = readableHold(claim);
    if (hold === null) continue;
    if (claim.record.state !== "released" && hold.session !== null) found.set(hold.session.uid, hold.session);
    for (const session of hold.unsettled ?? []) found.set(session.uid, session);
    if (hold.unsettled !== undefined) break;
  }
  return withProcesses(context, [...found.values()]);
}

/**
 * What still runs of each of these sessions.
 * @param claim by which the one of them holds the lock; absent: none does
 */
export async function withProcesses(
  context: Context,
  sessions: readonly SessionInfo[],
  claim: JudgedClaim | null = null,
): Promise<readonly Unsettled[]> {
  if (sessions.length === 0) return [];
  const table = await context.processes();
  return Promise.all(
    sessions.map(async (session) => {
      return { session, ...(await findLiving(() => findClaimed(table, context.home, session, { claim }))) };
    }),
  );
}

/** Much longer than a process takes to be gone once it has given up its memory. */
const dyingMs = 200;
const lookEveryMs = 2;

/**
 * A session's processes, without those that are dying. The death of the last one frees the lock, and wakes who waits
 * for it, an instant before that process is gone. By then it has given up its memory, and its arguments with it.
 */
async function findLiving(find: () => Promise<ClaimedFamily>): Promise<Omit<Unsettled, "session">> {
  const deadline = systemClock.now() + dyingMs;
  for (;;) {
    const { members, unproven } = await find();
    const processes = [...unproven, ...members];
    const mayBeDying = processes.some(({ argv }) => argv.length === 0);
    if (!mayBeDying || systemClock.now() > deadline) return { processes, unproven };
    await systemClock.sleep(lookEveryMs);
  }
}

/** Null for a claim that does not say what it is held for. */
export function readableHold(claim: JudgedClaim): Hold | null {
  try {
    return holdOf(claim);
  } catch (error) {
    // A damaged claim of the past hides one session at most; its processes still carry their cookie.
    if (error instanceof Failure && error.code === "DATA") return null;
    throw error;
  }
}

const nothingEnded: TerminateResult = { ended: [], survivors: [] };

/**
 * Writes the end of a session whose keeper died: exactly once, because only a holder of the lock may do it, and it
 * looks first whether the log has it already.
 * @param _lock shows that the caller holds the lock
 * @param terminated what was ended of it just now
 * @returns what went wrong while it was written, in words; null when the log has it already
 */
export async function closeLost(
  context: Context,
  _lock: HeldLock,
  session: SessionInfo,
  terminated: TerminateResult = nothingEnded,
): Promise<readonly string[] | null> {
  await letKeeperSpeak(context, session);
  if (isEndLogged(context, session.uid)) return null;
  forgetTmux(context, session);
  const activity = lastSignOfLife(context.home, session);
  // Dead for days, it ended when it last gave a sign of life, not when somebody noticed.
  const endedAt = terminated.ended.length > 0 ? new Date() : activity;
  return writeEnd(context, session, {
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
  });
}

/** A keeper that goes on after it was frozen looks within a second, and ends its agent. */
const keeperSpeaksWithinMs = 3_000;

/**
 * A keeper that has lost the lock may be alive: it stood still for longer than its lease lasts. Then the end of its
 * session is its own to tell. One that stands still for ever does not hold anybody up for long.
 */
async function letKeeperSpeak(context: Context, { uid, token }: SessionInfo): Promise<void> {
  const deadline = systemClock.now() + keeperSpeaksWithinMs;
  while (systemClock.now() < deadline && readRecord(context.home, uid) === null) {
    const claim = token === null ? null : await context.lock.below(token + 1);
    if (claim?.number !== token || claim.record.state === "released" || claim.owner !== "alive") return;
    await systemClock.sleep(lookEveryMs);
  }
}

function isEndLogged(context: Context, uid: string): boolean {
  for (const event of readEventsBackward(context.home.log, { kinds: ["ended", "claimed"] })) {
    if (event.uid !== uid) continue;
    if (event.event === "ended") return true;
    if (event.event === "claimed") return false;
  }
  return false;
}
