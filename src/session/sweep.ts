import { errorText } from "../failure.ts";
import { livenessOf } from "../process/identity.ts";
import { logAction, type CleanupAction } from "./cleanup-action.ts";
import { endOrphans, endSession, isIdle } from "./cleanup-steps.ts";
import type { Context } from "./context.ts";
import { noteOrphaned } from "./orphans.ts";
import { pruneEnded } from "./prune.ts";
import { longestGraceMs } from "./session-info.ts";
import { slotsOf } from "./slots.ts";
import { activeSession, reconcile, type ActiveSession } from "./reconcile.ts";

export interface SweepOptions {
  /** Whether sessions whose keeper is dead are ended; they are only named otherwise. */
  readonly reapOrphans: boolean;
  /** What the sweep before this one returned: what stands as it stood then is neither logged nor told again. */
  readonly before?: readonly CleanupAction[];
  /** Told each thing as soon as it is done. */
  readonly onAction?: (action: CleanupAction) => void;
  /** Aborted: what is being done is finished, and nothing more is begun. */
  readonly signal?: AbortSignal;
}

/**
 * Cleans up on one lock what needs nobody's decision: closes lost sessions, ends or names orphans, ends sessions that
 * are idle past their limit, and forgets what retention says. Each thing leaves one event. A step that fails is in the
 * list as such and does not stop the others (R2.4).
 */
export async function sweep(context: Context, options: SweepOptions): Promise<CleanupAction[]> {
  const actions: CleanupAction[] = [];
  for (const step of steps) {
    if (options.signal?.aborted === true) break;
    for (const found of await whatBecameOf(step, context, options)) {
      // One cause, such as a claim that cannot be read, may fail every step.
      if (found.result === "failed" && actions.some((other) => isSameFailure(other, found))) continue;
      const isNews = !isStanding(found) || !(options.before ?? []).some((other) => isSameThing(other, found));
      const action = isNews && (step.isUnlogged || found.result === "failed") ? logged(context, found) : found;
      actions.push(action);
      if (isNews) options.onAction?.(action);
    }
  }
  return actions;
}

interface Step {
  /** In the infinitive, for when it fails. */
  readonly does: string;
  /** What it does leaves no event by itself. */
  readonly isUnlogged: boolean;
  readonly run: (context: Context, options: SweepOptions) => Promise<readonly CleanupAction[]>;
}

/** A step that is about who holds the lock, at each of its slots. */
function atEachSlot(run: Step["run"]): Step["run"] {
  return async (context, options) => {
    const actions: CleanupAction[] = [];
    for (const slot of slotsOf(context)) actions.push(...(await run(slot, options)));
    return actions;
  };
}

const steps: readonly Step[] = [
  { does: "close lost sessions", isUnlogged: false, run: atEachSlot(closeLostSessions) },
  { does: "end orphans", isUnlogged: true, run: atEachSlot(reapOrphans) },
  { does: "name orphans", isUnlogged: false, run: atEachSlot(nameOrphans) },
  { does: "end idle sessions", isUnlogged: true, run: atEachSlot(endOverdue) },
  { does: "forget ended sessions", isUnlogged: false, run: forgetByRetention },
];

async function whatBecameOf(step: Step, context: Context, options: SweepOptions): Promise<readonly CleanupAction[]> {
  try {
    return await step.run(context, options);
  } catch (error) {
    const { name } = context.lock;
    return [
      { what: "lock", name, pid: null, why: `could not ${step.does}`, result: "failed", detail: errorText(error) },
    ];
  }
}

/** Dead with all their processes, and active on record until somebody looked. */
async function closeLostSessions(context: Context): Promise<readonly CleanupAction[]> {
  const closed: CleanupAction[] = [];
  await reconcile(context, await context.lock.look(), ({ id: name }, problems) => {
    const subject = { what: "session", name, pid: null, why: "its keeper and its processes are dead" } as const;
    closed.push(
      problems.length === 0
        ? { ...subject, result: "ended", detail: null }
        : { ...subject, result: "failed", detail: problems.join("; ") },
    );
  });
  return closed;
}

async function reapOrphans(context: Context, options: SweepOptions): Promise<readonly CleanupAction[]> {
  return options.reapOrphans ? endOrphans(context, { force: true }) : [];
}

async function nameOrphans(context: Context, options: SweepOptions): Promise<readonly CleanupAction[]> {
  if (options.reapOrphans) return [];
  const orphans = await reconcile(context, await context.lock.look());
  return orphans.map(({ session, processes }) => {
    noteOrphaned(context, session, processes);
    return {
      what: "orphan",
      name: session.id,
      pid: processes[0]?.pid ?? null,
      why: "its keeper is dead",
      result: "named",
      detail: processes.length === 1 ? "1 process lives on" : `${processes.length} processes live on`,
    };
  });
}

/** A keeper looks once a second. One that has not acted by then is stopped or hangs, on the busiest machine. */
const keeperSlackMs = 10_000;

async function endOverdue(context: Context): Promise<readonly CleanupAction[]> {
  const active = activeSession(await context.lock.look());
  if (active === null || active.orphaned || !isOverdue(context, active)) return [];
  return [await endSession(context, {}, active.session, "silent past its idle limit, and its keeper did not act")];
}

/**
 * Whether a session's keeper should have ended it for its silence. The output of `run` goes past us, so its silence is
 * for its own keeper to judge; and a keeper that cannot be seen from here may be well.
 */
function isOverdue(context: Context, { session, claim }: ActiveSession): boolean {
  const idleMs = session.idle_ms ?? context.config.limits.idleMs;
  if (idleMs === null || session.mode === "foreground" || livenessOf(claim.record.owner) !== "alive") return false;
  // Its keeper is at it, and gives it time to go.
  const endingMs = session.phase === "ending" ? longestGraceMs(session) : 0;
  return isIdle(context, session, idleMs + endingMs + keeperSlackMs);
}

async function forgetByRetention(context: Context): Promise<readonly CleanupAction[]> {
  return pruneEnded(context).map((name) => {
    return { what: "ended_session", name, pid: null, why: "retention", result: "removed", detail: null };
  });
}

/** What will be found again as long as nobody else does something about it. */
function isStanding({ result }: CleanupAction): boolean {
  return result === "failed" || result === "named";
}

function isSameThing(a: CleanupAction, b: CleanupAction): boolean {
  return a.what === b.what && a.name === b.name && a.pid === b.pid && a.why === b.why && a.result === b.result;
}

function isSameFailure(a: CleanupAction, b: CleanupAction): boolean {
  return a.result === "failed" && a.what === b.what && a.name === b.name && a.detail === b.detail;
}

/** A clean-up that cannot be logged has failed in that (R4.7). */
function logged(context: Context, action: CleanupAction): CleanupAction {
  try {
    logAction(context, action);
    return action;
  } catch (error) {
    const detail = [action.detail ?? "", errorText(error)].filter((text) => text !== "").join("; ");
    return { ...action, result: "failed", detail };
  }
}
