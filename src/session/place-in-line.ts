import { errorText, Failure } from "../failure.ts";
import type { JudgedClaim } from "../lock/claim-directory.ts";
import type { WaitForUse, WaitOptions, WaitView } from "../lock/lock.ts";
import { systemClock } from "../process/clock.ts";
import type { TerminateResult } from "../process/terminate.ts";
import type { Context } from "./context.ts";
import { isAgentGone } from "./activity.ts";
import { endProcessesOf } from "./end-lost.ts";
import { tryToNoteOrphaned } from "./orphans.ts";
import { holderCards, orphanCard, type HolderCard } from "./refusals.ts";
import { holdOf, type SessionInfo, type WaiterInfo } from "./session-info.ts";
import { slotsOf } from "./slots.ts";
import { Trouble } from "./trouble.ts";
import { withProcesses, type Unsettled } from "./unsettled.ts";

/** What a waiter is told. */
export interface WaitNotice {
  /** 1: next in line. */
  readonly position: number;
  /** Who holds the lock, or lives on without its keeper and so is in the way. */
  readonly holder: HolderCard | null;
  /** The ids of those that hold the other slots, when there are several. */
  readonly alsoHeldBy: readonly string[];
}

/** A wait for the lock, as its caller wants it. */
export interface SessionWait {
  readonly signal?: AbortSignal;
  /** Called when the wait begins, when it changes, and every few seconds; with all that hold the lock. */
  readonly onWaiting?: (notice: WaitNotice, holders: readonly HolderCard[]) => void;
  /** See `WaitOptions.onNext`. */
  readonly onNext?: WaitOptions["onNext"];
}

/** A reason to give a wait up, in the words of the log: `new LeftLine("interrupted")`. */
export class LeftLine extends Error {}

/** How often a waiter looks at the line ahead of it: only what it tells, and what an orphan does, depends on that. */
const lookEveryMs = { next: 1_000, behind: 3_000 } as const;

/**
 * A place in line, from the first refusal to the turn: logged when it begins and when it is given up. Beside the lock's
 * own wait it watches what no end of a pulse tells: who moved further ahead, and whether the holder lost its keeper.
 */
export class PlaceInLine {
  readonly #context: Context;
  readonly #session: SessionInfo;
  readonly #wait: SessionWait;
  readonly #ended = new Map<string, TerminateResult>();
  #ending: Promise<void> = Promise.resolve();
  #ticket: number | null = null;
  #notice: WaitNotice = { position: 1, holder: null, alsoHeldBy: [] };
  /** What lives of a dead session while nobody holds the lock. */
  #orphan: SessionInfo | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(context: Context, session: SessionInfo, wait: SessionWait) {
    this.#context = context;
    this.#session = session;
    this.#wait = wait;
  }

  /** What was ended of lost sessions, by their uid. */
  async ended(): Promise<ReadonlyMap<string, TerminateResult>> {
    await this.#ending;
    return this.#ended;
  }

  /** What the lock's own wait is to be given; by it this one learns that the wait has begun. */
  options(): WaitOptions {
    const { id, uid, by, command, mode, owner, note } = this.#session;
    const { signal, onNext } = this.#wait;
    return {
      info: { id, uid, by, command, mode, owner, note } satisfies WaiterInfo,
      onWaiting: (view) => this.#begin(view),
      ...(signal === undefined ? {} : { signal }),
      ...(onNext === undefined ? {} : { onNext }),
    };
  }

  /** Runs the wait. Whatever ends it without a turn is logged. */
  async during<Result>(turn: Promise<Result>): Promise<Result> {
    try {
      return await turn;
    } catch (error) {
      this.#logLeaving(error);
      throw error;
    } finally {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
  }

  /** It is told from now on that processes of dead sessions are in the way. @returns the wait for their end, see `#outlast` */
  behind(lost: readonly Unsettled[]): WaitForUse {
    this.#orphan ??= lost[0]?.session ?? null;
    return () => this.#outlast(lost);
  }

  /** Waits while they are in the way, or ends them where that may be done. */
  async #outlast(lost: readonly Unsettled[]): Promise<void> {
    const left = await this.#clear(lost, true);
    if (left) await systemClock.sleep(lookEveryMs.next, this.#wait.signal);
    else this.#orphan = null;
    this.#wait.signal?.throwIfAborted();
  }

  #begin(view: WaitView): void {
    if (this.#ticket === null) {
      this.#logQueued(view);
      void prepare();
    }
    this.#ticket = view.ticket;
    if (view.holders.length > 0) this.#orphan = null;
    this.#show(view.position, view.holders);
    this.#timer ??= setTimeout(() => void this.#look(), lookEveryMs.next);
  }

  async #look(): Promise<void> {
    try {
      const slots = slotsOf(this.#context);
      const { waiters } = await this.#context.lock.line();
      const position = 1 + waiters.filter(({ number }) => number < (this.#ticket ?? 0)).length;
      const trouble = new Trouble();
      const holders: JudgedClaim[] = [];
      for (const slot of slots) {
        const view = await trouble.spare(() => slot.lock.look());
        if (view !== null && view.holder !== null) holders.push(view.holder);
      }
      // A slot that cannot be read is no reason to wait for an orphan in another one.
      if (holders.length === 0 && trouble.hidden !== null) throw trouble.hidden;
      // Its turn came meanwhile, or it left.
      if (this.#timer === undefined) return;
      // Nobody is in the way of the next in line: it is about to find that out by itself.
      if (position > 1 || holders.length > 0 || this.#orphan !== null) this.#show(position, holders);
      for (const holder of holders) await this.#faceOrphan(holder, position === 1);
    } catch {
      // What is wrong with the lock is found by the wait itself, and told there.
    }
    if (this.#timer === undefined) return;
    const everyMs = this.#notice.position === 1 ? lookEveryMs.next : lookEveryMs.behind;
    this.#timer = setTimeout(() => void this.#look(), everyMs);
  }

  /** A holder whose keeper is dead: its processes alone keep the lock, and nobody is left to end them. */
  async #faceOrphan(holder: JudgedClaim, isNext: boolean): Promise<void> {
    const session = holder.owner === "dead" ? holdOf(holder).session : null;
    if (session !== null) await this.#clear(await withProcesses(this.#context, [session], holder), isNext);
  }

  /** @param isNext the others leave it to who is next in line. @returns whether something is left in the way */
  async #clear(lost: readonly Unsettled[], isNext: boolean): Promise<boolean> {
    let isLeft = false;
    for (const { session, processes } of lost) {
      if (processes.length === 0) continue;
      // Without its agent nothing is left of a session that anybody could want to keep.
      const mayEnd = this.#context.config.limits.reapOrphans || isAgentGone(session);
      if (!mayEnd) tryToNoteOrphaned(this.#context, session, processes);
      const isCleared = mayEnd && isNext && (await this.#end(session));
      isLeft ||= !isCleared;
    }
    return isLeft;
  }

  /** @returns whether nothing survived */
  async #end(session: SessionInfo): Promise<boolean> {
    const ending = endProcessesOf(this.#context, session, "in the way of the next in line");
    // The death of the last process frees the lock before all is written down.
    this.#ending = ending.then(
      (result) => void this.#ended.set(session.uid, result),
      () => undefined,
    );
    const result = await ending;
    await this.#ending;
    return result.survivors.length === 0;
  }

  #show(position: number, holders: readonly JudgedClaim[]): void {
    const orphan = this.#orphan === null ? null : orphanCard(this.#context, this.#orphan);
    const cards = holderCards(this.#context, holders);
    const [holder = orphan, ...others] = cards;
    this.#notice = { position, holder, alsoHeldBy: others.map(({ id }) => id) };
    this.#wait.onWaiting?.(this.#notice, cards);
  }

  #logQueued({ ticket, position }: WaitView): void {
    const { command, note, owner } = this.#session;
    this.#context.journal.append({
      ...this.#subject(),
      event: "queued",
      ticket,
      position,
      command: [...command],
      ...(note === null ? {} : { note }),
      ...(owner === null ? {} : { owner }),
    });
  }

  #logLeaving(error: unknown): void {
    if (this.#ticket === null) return;
    try {
      const reason = whyLeft(error);
      this.#context.journal.append({ ...this.#subject(), event: "unqueued", ticket: this.#ticket, reason });
    } catch {
      // Why the wait failed is worth more than that it could not be logged.
    }
  }

  #subject() {
    const { id, uid, by } = this.#session;
    return { lock: this.#context.lock.name, session: id, uid, by };
  }
}

/** Whoever waits has time: what the turn will need is loaded now, and not then. */
async function prepare(): Promise<void> {
  await import("node:child_process");
}

function whyLeft(error: unknown): string {
  if (error instanceof DOMException && error.name === "TimeoutError") return "timed out";
  return error instanceof Failure ? `refused: ${error.message}` : errorText(error);
}
