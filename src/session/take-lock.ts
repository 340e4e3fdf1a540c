import { Failure } from "../failure.ts";
import type { AcquireRequest, HeldLock, LockView, WaitOptions } from "../lock/lock.ts";
import { agentsRunning, alreadyActive, insideItself, orphaned } from "./refusals.ts";
import type { Context } from "./context.ts";
import { holdOf, type Hold, type SessionInfo } from "./session-info.ts";
import { closeLost, findUnsettled } from "./unsettled.ts";

export interface TakeOptions {
  readonly wait?: WaitOptions;
  /** Start although processes of a lost session still run. */
  readonly force?: boolean;
  /** What the user typed, for the hint how to wait. */
  readonly verb: "start" | "run";
}

/** The lock in hand for a session, and sessions that earlier keepers left running (only with `force`). */
export interface TakenLock {
  readonly held: HeldLock;
  /** The session that was wanted, created now: however long it waited for its turn does not count. */
  readonly session: SessionInfo;
  readonly hold: Hold;
}

/**
 * Takes the lock for a session. What a dead session left is settled first: one that only has to be written down is
 * closed; one whose processes still run is not run beside.
 * @throws Failure `BUSY` naming the holder, `AGENTS_RUNNING` naming the processes
 */
export async function takeLock(context: Context, session: SessionInfo, options: TakeOptions): Promise<TakenLock> {
  const request: AcquireRequest = {
    purpose: "session",
    info: { session } satisfies Hold,
    ...(options.wait === undefined ? {} : { wait: options.wait }),
  };
  await refuseInsideItself(context);
  for (;;) {
    const acquired = await context.lock.acquire(request);
    if (acquired.held !== null) return settle(context, acquired.held, session, options.force === true);
    if (!(await outwaitMaintenance(context, acquired.view)))
      throw await refusal(context, acquired.view, options, session);
  }
}

async function settle(context: Context, held: HeldLock, wanted: SessionInfo, force: boolean): Promise<TakenLock> {
  const session = { ...wanted, created_at: new Date().toISOString(), token: held.token };
  try {
    const unsettled = await findUnsettled(context, await context.lock.below(held.token));
    const running = unsettled.filter(({ processes }) => processes.length > 0);
    for (const { session: lost, processes } of unsettled) {
      if (processes.length === 0) closeLost(context, held, lost);
    }
    const hold: Hold = { session, unsettled: running.map((left) => left.session) };
    held.update(hold);
    const first = running[0];
    if (first === undefined || force) return { held, session, hold };
    await held.release({ session: null, unsettled: hold.unsettled } satisfies Hold);
    throw agentsRunning(first.processes, first.session);
  } catch (error) {
    if (!(error instanceof Failure && error.code === "AGENTS_RUNNING")) await held.release({ session: null });
    throw error;
  }
}

/** A session whose own command asks for its lock would wait for itself for ever. */
async function refuseInsideItself(context: Context): Promise<void> {
  const session = await holderAround(context);
  if (session !== null) throw insideItself(session);
}

/** Whether this process runs inside the session that holds the lock. */
export async function isInsideHolder(context: Context): Promise<boolean> {
  return (await holderAround(context)) !== null;
}

async function holderAround(context: Context): Promise<SessionInfo | null> {
  const inside = sessionsAround(context.env);
  if (inside.length === 0) return null;
  const { holder } = await context.lock.look();
  const session = holder === null ? null : holdOf(holder).session;
  return session !== null && inside.includes(session.uid) ? session : null;
}

/** The uids of the sessions this process runs in, the innermost first. */
export function sessionsAround(env: NodeJS.ProcessEnv): readonly string[] {
  return [env["HOLDFAST_SESSION"], ...(env["HOLDFAST_ANCESTORS"] ?? "").split(":")].filter(
    (uid): uid is string => uid !== undefined && uid !== "",
  );
}

/** Maintenance gives the lock back by itself in a moment: worth waiting for even by those who do not wait. */
export async function outwaitMaintenance(context: Context, view: LockView): Promise<boolean> {
  if (view.holder === null) return view.waiters.length === 0;
  if (view.holder.record.purpose !== "maintenance" || view.holder.owner === "dead") return false;
  await context.lock.waitForEnd(view.holder, AbortSignal.timeout(maintenancePatienceMs)).catch(() => undefined);
  return (await context.lock.look()).holder?.number !== view.holder.number;
}

const maintenancePatienceMs = 15_000;

async function refusal(context: Context, view: LockView, options: TakeOptions, wanted: SessionInfo): Promise<Failure> {
  const holder = view.holder;
  if (holder === null || holdOf(holder).session === null) return alreadyActive(context, view, wanted, options.verb);
  if (holder.owner !== "dead") return alreadyActive(context, view, wanted, options.verb);
  return orphaned(context, holder);
}
