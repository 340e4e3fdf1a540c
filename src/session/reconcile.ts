import { Failure } from "../failure.ts";
import type { JudgedClaim } from "../lock/claim-directory.ts";
import type { HeldLock, LockView } from "../lock/lock.ts";
import { systemClock } from "../process/clock.ts";
import type { Context } from "./context.ts";
import { holdOf, waiterOf, type Hold, type SessionInfo } from "./session-info.ts";
import { leftRunning } from "./refusals.ts";
import { startStep } from "./start-again.ts";
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

/**
 * The active session, if its id is the one asked for.
 * @throws Failure `NO_SESSION`, `SESSION_MISMATCH`; `AGENTS_RUNNING` when only its processes are left
 */
export async function requireSession(context: Context, id: string | null): Promise<ActiveSession> {
  const view = await context.lock.look();
  const active = activeSession(view);
  const place = id === null || active?.session.id === id ? null : placeInLine(view, id);
  if (id !== null && place !== null) throw stillInLine(id, place);
  if (active === null) {
    const lost = (await reconcile(context, view)).find(({ session }) => id === null || session.id === id);
    throw lost === undefined ? noSession(context, id) : leftRunning(context, lost);
  }
  if (id !== null && id !== active.session.id) throw mismatch(id, active.session.id);
  return active;
}

/** `NO_SESSION`. @param id the one that was asked for; null: any */
export function noSession({ config }: Pick<Context, "config">, id: string | null): Failure {
  const what = id === null ? "No active session" : `No active session: ${id} is not running`;
  return new Failure("NO_SESSION", what, {
    facts: { session: id },
    next: [startStep(config, id), { does: "look back", command: "holdfast logs" }],
  });
}

/** Counted from 1; null when it does not wait. */
export function placeInLine({ waiters }: LockView, id: string): number | null {
  const index = waiters.findIndex((each) => waiterOf(each)?.id === id);
  return index < 0 ? null : index + 1;
}

/** `NO_SESSION`: it waits for its turn. */
export function stillInLine(id: string, position: number): Failure {
  const where = position === 1 ? "next in line" : `${position - 1} ahead in line`;
  return new Failure("NO_SESSION", `${id} is not active yet: ${where}`, {
    facts: { session: id, position },
    retryable: true,
    next: [
      { does: "wait for it", command: `holdfast wait ${id} --until ready` },
      { does: "look", command: "holdfast status" },
    ],
  });
}

/** `SESSION_MISMATCH`: another one is active than was asked for. */
export function mismatch(expected: string, found: string): Failure {
  return new Failure("SESSION_MISMATCH", `Session does not match: expected ${expected}, found ${found}`, {
    facts: { expected, found },
    next: [{ does: "look", command: "holdfast status" }],
  });
}
