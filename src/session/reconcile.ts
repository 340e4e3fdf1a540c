import { Failure } from "../failure.ts";
import type { JudgedClaim } from "../lock/claim-directory.ts";
import type { HeldLock, LockView } from "../lock/lock.ts";
import { systemClock } from "../process/clock.ts";
import type { Context } from "./context.ts";
import { holdOf, type Hold, type SessionInfo } from "./session-info.ts";
import { outwaitMaintenance } from "./outwait-maintenance.ts";
import { closeLost } from "./lost-end.ts";
import { findUnsettled, readableHold, type Unsettled } from "./unsettled.ts";

export interface ReconcileOptions {
  /** Told each session that was closed here, and what went wrong while its end was written. */
  readonly onClosed?: (session: SessionInfo, problems: readonly string[]) => void;
  /** Told when nothing can be written down, as on a full disk, in place of failing for it. */
  readonly onUnwritable?: (failure: Failure) => void;
}

/**
 * Closes what is active on record and dead in truth, if anything is: whoever notices does it, exactly once.
 * @returns the lost sessions whose processes still run; they stay open until somebody ends those
 */
export async function reconcile(
  context: Context,
  view: LockView,
  { onClosed, onUnwritable }: ReconcileOptions = {},
): Promise<readonly Unsettled[]> {
  const found = await findUnsettled(context, leftBehind(await whenSettled(context, view)));
  if (found.every(({ processes }) => processes.length > 0)) return found;
  try {
    const left = await closeAll(context, onClosed);
    if (left !== null) return left;
    await whenSettled(context, await context.lock.look());
  } catch (error) {
    if (onUnwritable === undefined || !(error instanceof Failure)) throw error;
    onUnwritable(notWritten(found, error));
  }
  return found.filter(({ processes }) => processes.length > 0);
}

/** They are dead all the same, and are shown as that. */
function notWritten(found: readonly Unsettled[], { code, message, facts, next }: Failure): Failure {
  const dead = found.filter(({ processes }) => processes.length === 0).map(({ session }) => session.id);
  return new Failure(code, `The end of ${dead.join(", ")} cannot be written down: ${message}`, { facts, next });
}

/** @returns null when somebody else holds the lock */
function closeAll(context: Context, onClosed: ReconcileOptions["onClosed"]): Promise<readonly Unsettled[] | null> {
  return withMaintenance(context, async (held, unsettled) => {
    for (const { session, processes } of unsettled) {
      const problems = processes.length === 0 ? await closeLost(context, held, session) : null;
      if (problems !== null) onClosed?.(session, problems);
    }
    return unsettled.filter(({ processes }) => processes.length > 0);
  });
}

const settlingPatienceMs = 2_000;
const lookEveryMs = 5;

/** Waits while somebody else, who noticed first, closes what there is to close: it is on record then. */
async function whenSettled(context: Context, given: LockView): Promise<LockView> {
  const deadline = systemClock.now() + settlingPatienceMs;
  let view = given;
  while (isBeingSettled(view) && systemClock.now() < deadline) {
    await systemClock.sleep(lookEveryMs);
    view = await context.lock.look();
  }
  return view;
}

/** Maintenance, or a new holder that has not looked yet what the one before it left. */
function isBeingSettled({ holder }: LockView): boolean {
  return holder !== null && holder.owner !== "dead" && readableHold(holder)?.unsettled === undefined;
}

/** The claim that may stand for a lost session: the last one, unless its session lives. */
function leftBehind(view: LockView): JudgedClaim | null {
  const { last, holder } = view;
  if (last === null) return null;
  if (holder === null || holder.owner === "dead") return last;
  return null;
}

/**
 * Runs a task with the lock in hand, for a moment and without a session. What it leaves unsettled is written into the
 * claim for the next holder.
 * @returns null when a session holds the lock: then settling is its holder's business
 */
export async function withMaintenance(
  context: Context,
  task: (held: HeldLock, unsettled: readonly Unsettled[]) => Promise<readonly Unsettled[]>,
  options: { despiteDamage?: boolean } = {},
): Promise<readonly Unsettled[] | null> {
  for (;;) {
    const acquired = await context.lock.acquire({
      purpose: "maintenance",
      info: { session: null } satisfies Hold,
      passQueue: true,
      despiteDamage: options.despiteDamage === true,
    });
    if (acquired.held === null) {
      if (await outwaitMaintenance(context, acquired.views)) continue;
      return null;
    }
    const { held } = acquired;
    const unsettled = await findUnsettled(context, await held.below());
    let left = unsettled;
    try {
      left = await task(held, unsettled);
      return left;
    } finally {
      await held.release({ session: null, unsettled: left.map(({ session }) => session) } satisfies Hold);
    }
  }
}

/** The session that holds the lock, live or orphaned, and its claim. */
export interface ActiveSession {
  readonly claim: JudgedClaim;
  readonly session: NonNullable<Hold["session"]>;
  /** Its keeper is dead and its agent lives. */
  readonly orphaned: boolean;
}

/** Null when nobody holds the lock, or only maintenance does. */
export function activeSession(view: LockView): ActiveSession | null {
  if (view.holder === null) return null;
  const { session } = holdOf(view.holder);
  return session === null ? null : { claim: view.holder, session, orphaned: view.holder.owner === "dead" };
}
