import { Failure } from "../failure.ts";
import type { JudgedClaim } from "../lock/claim-directory.ts";
import type { AcquireRequest, HeldLock, LockView } from "../lock/lock.ts";
import type { TerminateResult } from "../process/terminate.ts";
import type { Context } from "./context.ts";
import { refuseInsideItself } from "./inside.ts";
import { refuseBesideOutsiders } from "./outside-agents.ts";
import { outwaitMaintenance } from "./outwait-maintenance.ts";
import { logLost } from "./lost-end.ts";
import { PlaceInLine, type SessionWait } from "./place-in-line.ts";
import { alreadyActive, leftRunning, orphaned } from "./refusals.ts";
import type { EndWriter } from "./session-end.ts";
import { holdOf, waiterOf, type Hold, type SessionInfo } from "./session-info.ts";
import { atSlot, slotsOf } from "./slots.ts";
import { findUnsettled, readableHold, type Unsettled } from "./unsettled.ts";

export interface TakeOptions {
  readonly wait?: SessionWait;
  /** Start although processes of a lost session still run. */
  readonly force?: boolean;
  /** What the user typed, for the hint how to wait. */
  readonly verb: "start" | "run";
  /** With these options. */
  readonly typed?: string;
}

/** The lock in hand for a session, and sessions that earlier keepers left running (only with `force`). */
export interface TakenLock {
  readonly held: HeldLock;
  /** The session that was wanted, created now: however long it waited for its turn does not count. */
  readonly session: SessionInfo;
  readonly hold: Hold;
}

/**
 * A lock that was taken just now. Its claim has the session as it was wanted, and is to be told what `hold` says; that
 * says nothing of unsettled sessions yet if some are still to be finished.
 */
export interface FreshLock extends TakenLock {
  /**
   * Finishes the ends of dead sessions, which stand in the log already; what it does takes milliseconds.
   * @returns what of earlier sessions still runs, for the claim
   */
  readonly finish: () => SessionInfo[];
}

/** Finishes and publishes at once what there is to be finished and published. */
export function finishNow({ held, session, finish }: FreshLock): TakenLock {
  const complete: Hold = { session, unsettled: finish() };
  held.update(complete);
  return { held, session, hold: complete };
}

/**
 * Takes the lock for a session. What a dead session left is settled first: one that only has to be written down is
 * closed; one whose processes still run is not run beside: who waits outlasts it, anyone else is refused.
 * @throws Failure `BUSY` naming the holder, `AGENTS_RUNNING` naming the processes; the signal's reason when a wait is
 *   aborted
 */
export async function takeLock(context: Context, session: SessionInfo, options: TakeOptions): Promise<FreshLock> {
  await refuseInsideItself(context, session);
  return options.wait === undefined
    ? takeAtOnce(context, session, options)
    : takeInTurn(context, session, options.wait, options);
}

async function takeAtOnce(context: Context, session: SessionInfo, options: TakeOptions): Promise<FreshLock> {
  for (;;) {
    let taken: FreshLock | undefined;
    let inTheWay: Unsettled | undefined;
    const accept = async (held: HeldLock) => {
      const settled = await settle(context, held, session, { force: options.force === true });
      if (settled.taken === null) inTheWay ??= settled.first;
      else taken = settled.taken;
      return settled.taken === null ? async () => undefined : null;
    };
    const acquired = await context.lock.acquire({ ...requestFor(session), accept });
    if (taken !== undefined) return taken;
    if (inTheWay !== undefined) throw leftRunning(context, inTheWay);
    if (acquired.held !== null) throw withoutLock();
    if (!(await outwaitMaintenance(context, acquired.views))) {
      throw await refusal(context, acquired.views, options, session);
    }
  }
}

async function takeInTurn(
  context: Context,
  session: SessionInfo,
  wait: SessionWait,
  { verb, force = false }: TakeOptions,
): Promise<FreshLock> {
  const place = new PlaceInLine(context, session, wait);
  let taken: FreshLock | undefined;
  const accept = async (held: HeldLock) => {
    const settled = await settle(context, held, session, { force, ended: await place.ended() });
    if (settled.taken === null) return place.behind(settled.running);
    // Since `start` looked, somebody may have started an agent by hand.
    if (verb === "start" && !force) await giveBackBesideOutsiders(context, settled.taken);
    taken = settled.taken;
    return null;
  };
  await place.during(context.lock.acquire({ ...requestFor(session), accept, wait: place.options() }));
  if (taken === undefined) throw withoutLock();
  return taken;
}

/** @throws Failure `AGENTS_RUNNING`, the lock given back */
async function giveBackBesideOutsiders(context: Context, { held, finish }: FreshLock): Promise<void> {
  try {
    await refuseBesideOutsiders(context);
  } catch (error) {
    await held.release({ session: null, unsettled: finish() } satisfies Hold);
    throw error;
  }
}

function withoutLock(): Failure {
  return new Failure("INTERNAL", "The lock was taken for nobody");
}

function requestFor(session: SessionInfo): AcquireRequest {
  return { purpose: "session", info: { session } satisfies Hold, slots: session.slots, nameOf };
}

function nameOf(claim: JudgedClaim): string | null {
  return readableHold(claim)?.session?.id ?? waiterOf(claim)?.id ?? null;
}

type Settled =
  | { readonly taken: FreshLock }
  /** The lock has been given back. */
  | { readonly taken: null; readonly running: readonly Unsettled[]; readonly first: Unsettled };

interface SettleOptions {
  readonly force: boolean;
  /** What this process ended of lost sessions while it waited, by their uid. */
  readonly ended?: ReadonlyMap<string, TerminateResult>;
}

async function settle(
  context: Context,
  held: HeldLock,
  wanted: SessionInfo,
  { force, ended }: SettleOptions,
): Promise<Settled> {
  const session = { ...wanted, created_at: new Date().toISOString(), token: held.token, slot: held.slot };
  try {
    const slot = atSlot(context, held.slot);
    const unsettled = await findUnsettled(slot, await held.below());
    const running = unsettled.filter(isRunning);
    const inTheWay = [...running, ...(await runningBeyond(context, wanted))];
    const [first] = inTheWay;
    const isRefused = first !== undefined && !force;
    const ends: EndWriter[] = [];
    for (const { session: lost, processes } of unsettled) {
      const end = processes.length === 0 ? await logLost(slot, held, lost, ended?.get(lost.uid)) : null;
      if (end !== null) ends.push(end);
    }
    const left = running.map(({ session: lost }) => lost);
    const finish = () => {
      for (const end of ends.splice(0)) {
        end.record();
        end.sync();
      }
      return left;
    };
    if (isRefused) {
      await held.release({ session: null, unsettled: finish() } satisfies Hold);
      return { taken: null, running: inTheWay, first };
    }
    // Absent until all is written: who waits for the end of a dead session looks for its record then.
    const hold: Hold = { session, ...(ends.length > 0 ? {} : { unsettled: left }) };
    return { taken: { held, session, hold, finish } };
  } catch (error) {
    await held.release({ session: null });
    throw error;
  }
}

function isRunning({ processes }: Unsettled): boolean {
  return processes.length > 0;
}

/** What runs of sessions that were left in slots which there are no more: nobody takes those, and meets it there. */
async function runningBeyond(context: Context, { slots }: SessionInfo): Promise<readonly Unsettled[]> {
  const left: Unsettled[] = [];
  for (const slot of slotsOf(context).filter(({ lock }) => lock.slot > slots)) {
    const { holder, last } = await slot.lock.look();
    // Who holds one says the same number, or is refused.
    if (holder === null) left.push(...(await findUnsettled(slot, last)));
  }
  return left.filter(isRunning);
}

type Views = readonly [LockView, ...LockView[]];

/** What is in the way: what cannot be read, else the sessions that hold the lock; an orphan, when it is the only one. */
async function refusal(context: Context, views: Views, options: TakeOptions, wanted: SessionInfo): Promise<Failure> {
  const [{ holder, unreadable }] = views;
  const [damage] = [...unreadable, ...views.flatMap(({ blocked }) => blocked ?? [])];
  if (damage !== undefined) return damage;
  const isOrphan = views.length === 1 && holder?.owner === "dead" && holdOf(holder).session !== null;
  return isOrphan ? orphaned(context, holder) : alreadyActive(context, views, wanted, options);
}
