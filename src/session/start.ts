import { Failure } from "../failure.ts";
import type { ProcessEntry } from "../process/table.ts";
import { clearOrphans } from "./clear-orphans.ts";
import type { Report } from "./handover.ts";
import type { Context } from "./context.ts";
import { KeeperProcess } from "./keeper-process.ts";
import { logClaimed, newSession, type SessionRequest } from "./new-session.ts";
import { refuseBesideOutsiders } from "./outside-agents.ts";
import type { SessionWait, WaitNotice } from "./place-in-line.ts";
import { reconcile } from "./reconcile.ts";
import { otherCommand } from "./refusals.ts";
import { makeSessionDirectory, removeSessionDirectory, sessionFiles } from "./session-files.ts";
import { isReady, isSameCommand, type Hold, type SessionInfo } from "./session-info.ts";
import { neverStarted, writeEnd } from "./session-end.ts";
import { atSlot, findActive } from "./slots.ts";
import { finishNow, takeLock, type FreshLock, type TakenLock, type TakeOptions } from "./take-lock.ts";
import { waitUntilReady } from "./wait.ts";

export interface StartRequest extends Omit<SessionRequest, "mode"> {
  readonly wait?: SessionWait;
  /** Wraps the time until the lock is held. */
  readonly during?: <Result>(turn: Promise<Result>) => Promise<Result>;
  /** An active session with the same command is success. */
  readonly orJoin?: boolean;
  /** How long one that is starting may take to become ready; absent: as long as it was given itself. */
  readonly joinWithinMs?: number;
  readonly force?: boolean;
  /** The options as they were typed, for the hint how to wait. */
  readonly typed?: string;
  /** Called while the keeper boots, which takes longer than anything else: time to prepare what comes after. */
  readonly meanwhile?: () => void;
}

export interface Started {
  readonly session: SessionInfo;
  readonly token: number;
  /** True when an active session was joined instead (`--or-join`). */
  readonly joined: boolean;
}

/**
 * Starts the agent in the background under the lock. When this returns, the agent really runs and the log says so on disk.
 * One that was joined is ready as well.
 * @throws Failure `BUSY`, `AGENTS_RUNNING`, `WAIT_TIMEOUT`; `UNAVAILABLE` without a tmux that is wanted; the agent's own
 *   failure (`NOT_FOUND`, `NOT_EXECUTABLE`, `START_FAILED` with its last lines of output), leaving nothing behind
 */
export async function start(context: Context, request: StartRequest): Promise<Started> {
  if (request.tmux === true) await (await import("../tmux/require-tmux.ts")).requireTmux(context.env);
  const wanted = newSession(context, { ...request, mode: "background" });
  const joined = await tryToJoin(context, wanted, request);
  if (joined !== null) return joined;
  if (request.force !== true) await refuseBesideOutsiders(context);
  const turn = takeTurn(context, wanted, request);
  let taken: FreshLock;
  try {
    taken = await (request.during === undefined ? turn : request.during(turn));
  } catch (error) {
    // Since it looked, another one with the same command may have been faster.
    const faster = isBusy(error) ? await tryToJoin(context, wanted, request) : null;
    if (faster !== null) return faster;
    // It has ended again: the wait goes on.
    if (error instanceof CanBeJoined) return start(context, request);
    throw error;
  }
  return startedBy(await launchKeeper(context, finishNow(taken), request.meanwhile), wanted);
}

/** Takes the lock for a session; what a dead keeper left in the way is ended first where that may be done. */
async function takeTurn(context: Context, wanted: SessionInfo, request: StartRequest): Promise<FreshLock> {
  const { wait, orJoin = false, force = false, typed = "" } = request;
  const options: TakeOptions = {
    verb: "start",
    typed,
    force,
    ...(wait === undefined ? {} : { wait: orJoin ? untilActive(wait, wanted) : wait }),
  };
  try {
    return await takeLock(context, wanted, options);
  } catch (error) {
    if (await clearOrphans(context, error)) return takeLock(context, wanted, options);
    throw error;
  }
}

/** Why a wait is given up: there is a session that can be joined instead. */
class CanBeJoined extends Failure {}

/** Gives a wait up with `BUSY` as soon as a session with the same command has the lock. */
function untilActive(wait: SessionWait, wanted: SessionInfo): SessionWait {
  const active = new AbortController();
  return {
    ...wait,
    signal: wait.signal === undefined ? active.signal : AbortSignal.any([wait.signal, active.signal]),
    onWaiting: (notice, holders) => {
      wait.onWaiting?.(notice, holders);
      const same = holders.find((each) => !each.orphaned && !each.ending && isSameCommand(each, wanted));
      if (same !== undefined) active.abort(new CanBeJoined("BUSY", `Session already active: ${same.id}`));
    },
  };
}

function isBusy(error: unknown): boolean {
  return error instanceof Failure && error.code === "BUSY";
}

/** @throws Failure what the keeper says went wrong */
function startedBy(report: Report, { id }: SessionInfo): Started {
  if (report.outcome === "started") return { session: report.session, token: report.token, joined: false };
  if (report.outcome === "queued") throw new Failure("INTERNAL", "A keeper that has the lock got in line for it");
  // Whoever gave it no id has none to look for in the log.
  throw new Failure(report.code, report.message, { facts: { session: id, ...report.facts }, next: report.next ?? [] });
}

/** A session that waits for its turn in the background. */
export interface Queued extends WaitNotice {
  readonly session: SessionInfo;
}

/**
 * Starts the agent, or leaves a keeper in line that starts it when its turn comes. When this returns, the place in line
 * is taken.
 * @param waitMs how long the keeper waits; null: for as long as it takes
 */
export async function startOrQueue(
  context: Context,
  request: StartRequest,
  waitMs: number | null,
): Promise<Started | Queued> {
  try {
    return await start(context, request);
  } catch (error) {
    if (!isWorthWaiting(error)) throw error;
  }
  const session = newSession(context, { ...request, mode: "background" });
  const keeper = await KeeperProcess.spawn(context, session, { claim: null, log: null });
  const about = aboutSession(context, session);
  const report = await keeper.instruct(
    { ...about, kind: "queued", wait_ms: waitMs, force: request.force === true },
    request.meanwhile,
  );
  if (report.outcome !== "queued") return startedBy(report, session);
  const { position, holder, alsoHeldBy } = report;
  return { session: { ...session, phase: "queued" }, position, holder, alsoHeldBy };
}

/** Somebody is in the way who will be gone; agents outside any session nobody ends but the user. */
function isWorthWaiting(error: unknown): boolean {
  if (!(error instanceof Failure) || !error.retryable) return false;
  return error.code === "BUSY" || (error.code === "AGENTS_RUNNING" && error.facts["session"] !== null);
}

async function launchKeeper(context: Context, taken: TakenLock, meanwhile?: () => void): Promise<Report> {
  const { held, session, hold } = taken;
  const files = sessionFiles(context.home, session.uid);
  let keeper: KeeperProcess | null = null;
  let isHandedOver = false;
  try {
    makeSessionDirectory(files);
    // It needs as long to boot as all that follows takes.
    keeper = await KeeperProcess.spawn(context, session, { claim: held.descriptor, log: files.keeperLog });
    logClaimed(context, session, held.token);
    await held.handTo(await keeper.identify());
    isHandedOver = true;
    const { token, mark } = held;
    return await keeper.instruct({ ...aboutSession(context, session), kind: "held", token, mark, hold }, meanwhile);
  } catch (error) {
    keeper?.dismiss();
    if (isHandedOver) throw await afterKeeperDied(atSlot(context, session.slot), session, error);
    await context.hooks.hold(async () => {
      writeEnd(context, session, neverStarted(session));
      await held.release({ session: { ...session, phase: "ended" }, unsettled: hold.unsettled ?? [] } satisfies Hold);
    });
    removeSessionDirectory(files);
    throw error;
  }
}

/**
 * What is to be said of a session whose keeper died before it reported. It is lost, as any whose keeper dies: it is closed
 * here unless something of it lives, or the next holder of the lock was faster.
 */
async function afterKeeperDied(context: Context, { uid, id }: SessionInfo, error: unknown): Promise<unknown> {
  const left = await whatLives(context, uid);
  if (left.length === 0 || !(error instanceof Failure)) return error;
  const processes = left.map(({ pid, command }) => ({ pid, command }));
  return new Failure(error.code, `${error.message}. What it started lives on:`, {
    facts: { ...error.facts, processes },
    next: [{ does: "end that", command: `holdfast stop ${id}` }, ...error.next],
    cause: error,
  });
}

async function whatLives(context: Context, uid: string): Promise<readonly ProcessEntry[]> {
  try {
    const lost = await reconcile(context, await context.lock.look());
    return lost.find(({ session }) => session.uid === uid)?.processes ?? [];
  } catch {
    // Whoever looks next finds it; why the start failed is to be told now.
    return [];
  }
}

function aboutSession({ home, config, lock, by, env }: Context, session: SessionInfo) {
  const certificates = env["NODE_EXTRA_CA_CERTS"] ?? null;
  return { root: home.root, state: home.state, lock: lock.name, session, config, by, certificates };
}

/**
 * With `orJoin`: the active session with the same command, once it is ready; null when there is none.
 * @throws Failure `BUSY` when the lock has one slot, and another command has it; `START_FAILED`, `WAIT_TIMEOUT`
 */
async function tryToJoin(context: Context, wanted: SessionInfo, request: StartRequest): Promise<Started | null> {
  if (request.orJoin !== true) return null;
  const active = await activeWithSameCommand(context, wanted);
  return active && { ...active, session: await whenReady(context, active.session, request.joinWithinMs) };
}

/** @throws Failure `BUSY` when the lock has one slot, and another command has it */
async function activeWithSameCommand(context: Context, wanted: SessionInfo): Promise<Started | null> {
  const active = await findActive(context, ({ session, orphaned }) => {
    // One that is ending runs no more when this returns: its end is waited for, or it is in the way.
    const runsOn = !orphaned && session.phase !== "ending";
    return runsOn && (session.slots === 1 || isSameCommand(session, wanted));
  });
  if (active === null) return null;
  const { session, claim } = active;
  if (!isSameCommand(session, wanted)) throw otherCommand(context, active, wanted);
  return { session, token: claim.number, joined: true };
}

/** @throws Failure `START_FAILED` when a session that was starting ends instead, `WAIT_TIMEOUT` */
async function whenReady(context: Context, session: SessionInfo, ownLimitMs?: number): Promise<SessionInfo> {
  if (isReady(session)) return session;
  try {
    return await waitUntilReady(context, session, ownLimitMs ?? session.ready?.timeout_ms ?? null);
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "NO_SESSION") throw error;
    throw new Failure("START_FAILED", `${session.id} was starting already, and ended before it was ready`, {
      facts: { session: session.id, command: session.command },
      next: [{ does: "look back", command: "holdfast logs" }],
      cause: error,
    });
  }
}
