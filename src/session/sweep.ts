import { livenessOf } from "../process/identity.ts";
import { logged, type CleanupAction } from "./cleanup-action.ts";
import { lastSignOfLife } from "./activity.ts";
import { endOrphans, endSession } from "./cleanup-steps.ts";
import { endLeftTmux } from "./cleanup-tmux.ts";
import { liveClients } from "./clients.ts";
import type { Context } from "./context.ts";
import { noteOrphaned } from "./orphans.ts";
import { pruneEnded } from "./prune.ts";
import { activeSession, reconcile, type ActiveSession } from "./reconcile.ts";
import { longestGraceMs, type SessionInfo } from "./session-info.ts";
import { Silence } from "./silence.ts";
import { takeSteps, type Step } from "./take-steps.ts";

export interface SweepOptions {
  /** Whether sessions whose keeper is dead are ended, and what is left of others in tmux; they are only named otherwise. */
  readonly reapOrphans: boolean;
  /** What the sweep before this one returned: what stands as it stood then is neither logged nor told again. */
  readonly before?: readonly CleanupAction[];
  /** How long each session, by its uid, has been silent to whoever sweeps again and again; added to. */
  readonly silences?: Map<string, Silence>;
  /** Told each thing as soon as it is done. */
  readonly onAction?: (action: CleanupAction) => void;
  /** Aborted: what is being done is finished, and nothing more is begun. */
  readonly signal?: AbortSignal;
}

/**
 * Cleans up on one lock what needs nobody's decision: closes lost sessions, ends or names orphans and what is left in
 * tmux, ends sessions that it has seen idle past their limit, and forgets what retention says. Each thing leaves one event. A
 * step that fails is in the list as such and does not stop the others (R2.4).
 */
export async function sweep(context: Context, options: SweepOptions): Promise<CleanupAction[]> {
  const actions: CleanupAction[] = [];
  // Who watches goes on, whatever it was.
  const judge = () => "failure" as const;
  for await (const { step, action } of takeSteps([context], steps, options, { judge, signal: options.signal })) {
    actions.push(told(context, step, action, options));
  }
  return actions;
}

function told(
  context: Context,
  step: SweepStep,
  found: CleanupAction,
  { before = [], onAction }: SweepOptions,
): CleanupAction {
  const isNews = !isStanding(found) || !before.some((other) => isSameThing(other, found));
  const action = isNews && (step.isUnlogged || found.result === "failed") ? logged(context, found) : found;
  if (isNews) onAction?.(action);
  return action;
}

interface SweepStep extends Step<SweepOptions> {
  /** What it does leaves no event by itself. */
  readonly isUnlogged: boolean;
}

const steps: readonly SweepStep[] = [
  { does: "close lost sessions", isOfSlot: true, isUnlogged: false, run: closeLostSessions },
  { does: "end orphans", isOfSlot: true, isUnlogged: true, run: reapOrphans },
  { does: "name orphans", isOfSlot: true, isUnlogged: false, run: nameOrphans },
  { does: "end what is left in tmux", isUnlogged: true, run: reapTmux },
  { does: "end idle sessions", isOfSlot: true, isUnlogged: true, run: endOverdue },
  { does: "forget ended sessions", isUnlogged: false, run: forgetByRetention },
];

/** Dead with all their processes, and active on record until somebody looked. */
async function closeLostSessions(context: Context): Promise<readonly CleanupAction[]> {
  const closed: CleanupAction[] = [];
  const onClosed = ({ id: name }: SessionInfo, problems: readonly string[]): void => {
    const subject = { what: "session", name, pid: null, why: "its keeper and its processes are dead" } as const;
    closed.push(
      problems.length === 0
        ? { ...subject, result: "ended", detail: null }
        : { ...subject, result: "failed", detail: problems.join("; ") },
    );
  };
  await reconcile(context, await context.lock.look(), { onClosed });
  return closed;
}

async function reapOrphans(context: Context, options: SweepOptions): Promise<readonly CleanupAction[]> {
  return options.reapOrphans ? endOrphans(context, { force: true }, { unlessSurvived: true }) : [];
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

/**
 * Only of sessions that are on record as ended: what has lost its record with the state directory may live, and get it
 * back from its keeper.
 */
async function reapTmux(context: Context, { reapOrphans: reap }: SweepOptions): Promise<readonly CleanupAction[]> {
  const actions = await endLeftTmux(context, { force: true, dryRun: !reap }, { onRecord: true });
  if (reap) return actions;
  return actions.map(({ what, name, pid, why, detail }) => ({ what, name, pid, why, result: "named", detail }));
}

/** A keeper looks once a second. One that has not acted by then is stopped or hangs, on the busiest machine. */
const keeperSlackMs = 10_000;

async function endOverdue(context: Context, { silences }: SweepOptions): Promise<readonly CleanupAction[]> {
  if (silences === undefined) return [];
  const active = activeSession(await context.lock.look());
  if (active === null || active.orphaned || !isOverdue(context, active, silences)) return [];
  return [await endSession(context, {}, active.session, "silent past its idle limit, and its keeper did not act")];
}

/**
 * Whether a session's keeper should have ended it for its silence. The output of `run` goes past us, so its silence is
 * for its own keeper to judge; and a keeper that cannot be seen from here may be well. What the times of its files say is
 * not enough: a machine that slept, or whose clock was set, is no keeper that hangs.
 */
function isOverdue(
  context: Context,
  { session, claim }: ActiveSession,
  silences: NonNullable<SweepOptions["silences"]>,
): boolean {
  const { uid, idle_ms: idleMs } = session;
  if (idleMs === null || session.mode === "foreground" || livenessOf(claim.record.owner) !== "alive") return false;
  const silence = silences.get(uid) ?? new Silence();
  silences.set(uid, silence);
  const isAttended = liveClients(context, session).length > 0;
  const silentMs = silence.lastsMs(isAttended ? null : lastSignOfLife(context.home, session).getTime());
  // Its keeper is at it, and gives it time to go.
  const endingMs = session.phase === "ending" ? longestGraceMs(session) : 0;
  return silentMs >= idleMs + endingMs + keeperSlackMs;
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
