import { Failure, type FailureDetails } from "../failure.ts";
import { followEvents } from "../journal/follow.ts";
import { endOfLog, readEventsBackward } from "../journal/read.ts";
import { abortAfter } from "../process/clock.ts";
import type { Context } from "./context.ts";
import { findLive } from "./find-live.ts";
import { findLiving } from "./find-session.ts";
import { refuseToWaitForItself } from "./inside.ts";
import { requireSession } from "./require-session.ts";
import { holderCards, holdsTheLock, type HolderCard } from "./refusals.ts";
import { findFreshEnd, readFreshRecord, type SessionEnd } from "./session-end.ts";
import { isReady, type SessionInfo } from "./session-info.ts";
import { slotOf } from "./slot-of.ts";
import { atSlot, findActive } from "./slots.ts";
import { notItsTurn, untilItsTurn } from "./until-its-turn.ts";
import { untilOver } from "./until-over.ts";
import { waitUntilFree } from "./wait-until-free.ts";

export interface WaitRequest {
  readonly id: string | null;
  readonly until: "ended" | "ready" | "free";
  readonly signal?: AbortSignal;
}

export interface Waited {
  /** Null when the lock was free all along, and when only the log remembers the session. */
  readonly session: SessionInfo | null;
  /** Its id, where only the log remembers it. */
  readonly id?: string;
  /** How the session ended; null for `ready`, and when nothing had to end. */
  readonly end: SessionEnd | null;
  /** Only of a wait for output: the byte to search on from. */
  readonly nextCursor?: number;
  /** How much of it could not be searched, because it is not kept any more, in bytes. */
  readonly skippedBytes?: number;
}

/**
 * Waits for the session that is meant, woken by its end and not by a clock. One that lives on without its keeper is
 * waited for like any other. A session that has ended already, named by its id, answers at once with how it ended.
 * @throws the signal's reason when it aborts; `NO_SESSION`, `SESSION_MISMATCH`; `BUSY` inside the session to wait for
 */
export async function wait(context: Context, request: WaitRequest): Promise<Waited> {
  const { id, until, signal } = request;
  if (until === "free") return waitUntilFree(context, id, signal);
  const queued = await untilItsTurn(context, id, signal);
  const living = await findLiving(context, { id, uid: queued }, null);
  if (living !== null) return waitFor(context, living, request);
  const ended = id === null ? null : findEnded(context, id, queued);
  if (ended !== null && until === "ended") return ended;
  if (ended !== null) throw endedBefore(ended, null);
  if (queued !== null) throw notItsTurn(context, id, queued);
  const { session } = await requireSession(await slotOf(context, id), id);
  return waitFor(context, session, request);
}

async function waitFor(context: Context, session: SessionInfo, { until, signal }: WaitRequest): Promise<Waited> {
  if (until === "ready") return waitUntilRunning(context, session, signal);
  refuseToWaitForItself(context, session);
  await untilOver(context, session, signal === undefined ? {} : { signal });
  const end = findFreshEnd(context, session.uid);
  if (end !== null) return { session: { ...session, phase: "ended" }, end };
  throw new Failure("DATA", `${session.id} has ended, but nothing tells how`, { facts: { session: session.id } });
}

/**
 * Waits until a session is ready, at most so long; null: as long as it takes.
 * @returns the session as it is then
 * @throws Failure `NO_SESSION` when it ends before, `WAIT_TIMEOUT`
 */
export async function waitUntilReady(
  context: Context,
  session: SessionInfo,
  limitMs: number | null,
): Promise<SessionInfo> {
  const patience = limitMs === null ? undefined : abortAfter(limitMs);
  try {
    return (await waitUntilRunning(context, session, patience)).session;
  } catch (error) {
    if (limitMs === null || patience?.aborted !== true || error !== patience.reason) throw error;
    throw notInTime("ready", limitMs);
  }
}

interface NotInTime extends FailureDetails {
  /** Who holds the lock. */
  readonly holder?: HolderCard | null;
}

/** @param what has not come: `ready` */
export function notInTime(what: string, limitMs: number, { facts = {}, next = [], holder }: NotInTime = {}): Failure {
  const whom = holder == null ? "" : `: ${holdsTheLock(holder)}`;
  return new Failure("WAIT_TIMEOUT", `Not ${what} after ${limitMs / 1000} s${whom}`, {
    facts: { waited_seconds: limitMs / 1000, ...(holder == null ? {} : { holder }), ...facts },
    next: [...next, { does: "look", command: "holdfast status" }],
  });
}

/** Who holds the lock: the session that is meant, if it does, or whichever does. Null also when that cannot be told. */
export async function holderFor(context: Context, id: string | null): Promise<HolderCard | null> {
  try {
    const active =
      (await findActive(context, ({ session }) => session.id === id)) ?? (await findActive(context, () => true));
    return holderCards(context, [active?.claim ?? null])[0] ?? null;
  } catch (error) {
    // That the time is up, and where to resume, is worth more.
    if (!(error instanceof Failure)) throw error;
    return null;
  }
}

interface Running extends Waited {
  readonly session: SessionInfo;
}

/** Woken by the log, where every change of a session is written, and by the session's end. */
async function waitUntilRunning(context: Context, session: SessionInfo, patience?: AbortSignal): Promise<Running> {
  const fromByte = endOfLog(context.home.log);
  const over = new AbortController();
  const signal = AbortSignal.any(patience === undefined ? [over.signal] : [over.signal, patience]);
  const ended = untilOver(context, session, { signal });
  // Left behind when the session is ready first: it ends with the session, or with this process.
  const stop = (): void => over.abort();
  ended.then(stop, stop);
  const ready = await runningNow(context, session);
  if (ready !== null) return ready;
  for await (const event of followEvents(context.home.log, { fromByte, signal })) {
    const running = event.uid === session.uid ? await runningNow(context, session) : null;
    if (running !== null) return running;
  }
  patience?.throwIfAborted();
  await ended;
  throw endedBefore({ session, end: findFreshEnd(context, session.uid) }, "it was ready");
}

/**
 * `NO_SESSION`: what was waited for does not come any more.
 * @param what has not been: `it was ready`; null: nobody has looked, for it had ended before the wait began
 */
export function endedBefore({ session, id = session?.id, end }: Waited, what: string | null): Failure {
  // Of one that did not come to run whoever started it has been told.
  const isOutputKept = session?.mode === "background" && end?.reason !== "start_failed";
  const when = what === null ? "already" : `before ${what}`;
  const how = end === null ? null : (end.signal ?? (end.exit_code === null ? end.reason : `exit ${end.exit_code}`));
  return new Failure("NO_SESSION", `${id} has ended ${when}${how === null ? "" : ` (${how})`}`, {
    facts: { session: id, ...(end && { reason: end.reason, exit_code: end.exit_code, signal: end.signal }) },
    next: [
      { does: "look back", command: `holdfast logs --session ${id}` },
      ...(isOutputKept ? [{ does: "its output", command: `holdfast logs -o --session ${id}` }] : []),
    ],
  });
}

/** Null while the session is starting, and when it is over. */
async function runningNow(context: Context, { uid, slot }: SessionInfo): Promise<Running | null> {
  const here = atSlot(context, slot);
  const live = await findLive(here, await here.lock.look(), null);
  const found = live.find(({ session }) => session.uid === uid);
  return found === undefined || !isReady(found.session) ? null : { session: found.session, end: null };
}

/**
 * How a session ended. Null also when that is forgotten.
 * @param uid this very one; null: the newest of this id
 * @throws Failure `NO_SESSION` when the newest of this id was only in line, and has left it
 */
export function findEnded(context: Context, id: string, uid: string | null): Waited | null {
  const ended = uid ?? lastOver(context, id);
  if (ended === null) return null;
  const record = readFreshRecord(context, ended);
  if (record !== null) return { session: record.session, end: record.end };
  const end = findFreshEnd(context, ended);
  return end === null ? null : { session: null, id, end };
}

function lastOver(context: Context, id: string): string | null {
  for (const { event, session, lock, uid } of readEventsBackward(context.home.log, { kinds: ["ended", "unqueued"] })) {
    if (session !== id || lock !== context.lock.name || uid === undefined) continue;
    if (event === "unqueued") throw notItsTurn(context, id, uid);
    return uid;
  }
  return null;
}
