import { Failure } from "../failure.ts";
import { systemClock } from "../process/clock.ts";
import { selfIdentity } from "../process/identity.ts";
import type { ClaimDirectory, JudgedClaim } from "./claim-directory.ts";
import { asUnreadable, isDamage } from "./claim-record.ts";
import type { LineView, WaitOptions } from "./lock.ts";
import { OwnClaim, type ClaimDraft } from "./own-claim.ts";
import { sweep } from "./protocol.ts";
import { publishClaim } from "./publish-claim.ts";
import type { Pulse } from "./pulse.ts";

/** Told of a waiter that died in line, by the one process that removes its ticket. */
export type WaiterGone = (ticket: JudgedClaim) => void;

export interface TicketOptions {
  readonly info: unknown;
  readonly slots: number;
  readonly waiterGone: WaiterGone;
  /** Makes the directories again when somebody removed them under a waiter. */
  readonly ensureDirectories: () => void;
}

/** How often a waiter looks whether its place still stands; a holder does the same with its claim. */
const lookEveryMs = 1_000;
/** Whoever removes a directory fails when a file comes into it meanwhile. */
const removalTakesMs = 1_000;
/** A holder whose claim went too has put it back by then. */
const holderRestoresWithinMs = 2_000;

/** A place in line: the same kind of file as a claim, numbered by arrival, alive as long as its waiter. */
export class Ticket {
  readonly #queue: ClaimDirectory;
  readonly #pulse: Pulse;
  readonly #options: TicketOptions;
  readonly #watch: NodeJS.Timeout;
  #claim: OwnClaim;
  #restoredAtMs: number | null = null;
  #restoring: Promise<boolean> | null = null;
  #missingSinceMs: number | null = null;

  private constructor(queue: ClaimDirectory, pulse: Pulse, options: TicketOptions, claim: OwnClaim) {
    this.#queue = queue;
    this.#pulse = pulse;
    this.#options = options;
    this.#claim = claim;
    // What cannot be restored now is told by the wait itself, when it looks.
    this.#watch = setInterval(() => void this.#restore().catch(() => undefined), lookEveryMs).unref();
  }

  /** Gets in line behind everybody, and removes the tickets of those who have died in it. */
  static async take(queue: ClaimDirectory, pulse: Pulse, options: TicketOptions): Promise<Ticket> {
    const claim = await publishTicket(queue, pulse, draftOf(options));
    await sweepDead(queue, options.waiterGone);
    return new Ticket(queue, pulse, options, claim);
  }

  /** Changes nothing. A ticket that cannot be read is among the answer, and no error. */
  static async line(queue: ClaimDirectory): Promise<LineView> {
    const waiters: JudgedClaim[] = [];
    const unreadable: Failure[] = [];
    for (const number of queue.numbers().toSorted((a, b) => a - b)) {
      try {
        const ticket = await judgeTicket(queue, number);
        if (ticket !== null && !ticket.free) waiters.push(ticket);
      } catch (error) {
        unreadable.push(asUnreadable(error));
      }
    }
    return { waiters, unreadable };
  }

  /** Another one after it was restored, if somebody had taken it meanwhile. */
  get number(): number {
    return this.#claim.record.token;
  }

  /** The live ticket just before this one: whose end is what this one waits for. Null when first in line. */
  async nearestAhead(): Promise<JudgedClaim | null> {
    const ahead = this.#queue.numbers().filter((number) => number < this.number);
    for (const number of ahead.toSorted((a, b) => b - a)) {
      const ticket = await judgeTicket(this.#queue, number);
      if (ticket !== null && !ticket.free) return ticket;
    }
    return null;
  }

  /** Tells its waiter where it stands. @param holders who has the lock; none: it waits for something else */
  async tell({ onWaiting }: WaitOptions, holders: readonly JudgedClaim[]): Promise<void> {
    const ahead = (await Ticket.line(this.#queue)).waiters.filter((ticket) => ticket.number < this.number);
    onWaiting?.({ ticket: this.number, position: ahead.length + 1, holders });
  }

  /**
   * Whoever waits without a ticket is seen by nobody, stopped by nobody, and passed by everybody. So one whose file was
   * removed, with the whole state perhaps, gets it back; and it judges nothing before a holder could do likewise.
   */
  async stand(signal?: AbortSignal): Promise<void> {
    while (!(await this.#restore())) {
      await systemClock.sleep(removalTakesMs, signal);
      signal?.throwIfAborted();
    }
    if (this.#restoredAtMs === null) return;
    const leftMs = this.#restoredAtMs + holderRestoresWithinMs - systemClock.now();
    if (leftMs > 0) await systemClock.sleep(leftMs, signal);
    signal?.throwIfAborted();
  }

  /** Resolves when a holder whose claim was removed has put it back, if it lives. */
  async outlastRemoval(signal?: AbortSignal): Promise<void> {
    await systemClock.sleep(holderRestoresWithinMs, signal);
    signal?.throwIfAborted();
    this.#options.ensureDirectories();
  }

  /** @returns whether the place stands; one that was removed a moment ago does not yet */
  #restore(): Promise<boolean> {
    this.#restoring ??= this.#restoreNow().finally(() => {
      this.#restoring = null;
    });
    return this.#restoring;
  }

  async #restoreNow(): Promise<boolean> {
    const vanished = this.#claim;
    const isLinked = vanished.isLinkedAs(vanished.path);
    if (isLinked && !vanished.beat.lost.aborted) {
      this.#missingSinceMs = null;
      return true;
    }
    // With a lease that was disturbed it stands, and beats no more: it would soon count as dead.
    if (isLinked) vanished.unpublish(this.number);
    this.#missingSinceMs ??= systemClock.now();
    if (!isLinked && systemClock.now() - this.#missingSinceMs < removalTakesMs) return false;
    this.#options.ensureDirectories();
    this.#claim = await publishTicket(this.#queue, this.#pulse, draftOf(this.#options), this.number);
    this.#missingSinceMs = null;
    this.#restoredAtMs = systemClock.now();
    // Whoever waits for the vanished file wakes and finds this one.
    await vanished.beat.end();
    return true;
  }

  /** From now on this is nobody's place. Whoever is behind wakes when the ticket has left. */
  giveUp(): void {
    clearInterval(this.#watch);
    if (this.#claim.record.state === "released") return;
    try {
      this.#claim.append({ state: "released" });
    } catch {
      // The end of the pulse says the same.
    }
  }

  /** Gives the place up; whoever is behind wakes. What the waiter waited for is never spoilt by this. */
  async leave(): Promise<void> {
    clearInterval(this.#watch);
    await this.#restoring?.catch(() => undefined);
    this.giveUp();
    await this.#claim.beat.end();
    // Whoever leaves because of its turn has better things to do just now; who exits at once leaves it to the next.
    setImmediate(() => void sweepDead(this.#queue, this.#options.waiterGone));
  }
}

function draftOf({ info, slots }: TicketOptions): ClaimDraft {
  return { state: "held", purpose: "ticket", slots, owner: selfIdentity(), since: new Date().toISOString(), info };
}

/** @param again the number it had, which keeps the order of the line if nobody has it now */
async function publishTicket(queue: ClaimDirectory, pulse: Pulse, draft: ClaimDraft, again?: number) {
  if (again !== undefined) {
    const claim = await OwnClaim.draft(queue, pulse);
    try {
      if (claim.publish(again, draft) === "published") {
        claim.settle();
        return claim;
      }
    } catch (error) {
      await claim.discard();
      throw error;
    }
    await claim.discard();
  }
  const { claim } = await publishClaim(queue, pulse, draft, { beside: true, isFree: async () => true });
  if (claim === null) throw new Failure("INTERNAL", "A ticket was refused");
  return claim;
}

/**
 * Null for a ticket that is gone, or damaged: that is nobody's place.
 * @throws Failure `DATA` for one of a newer holdfast, who may well wait there
 */
async function judgeTicket(queue: ClaimDirectory, number: number): Promise<JudgedClaim | null> {
  try {
    return await queue.judge(number);
  } catch (error) {
    if (isDamage(error)) return null;
    throw error;
  }
}

/** What cannot be removed stays for the next who passes. */
async function sweepDead(queue: ClaimDirectory, waiterGone: WaiterGone): Promise<void> {
  const dead = new Map<number, JudgedClaim>();
  const removable = async (number: number): Promise<boolean> => {
    const ticket = await judgeTicket(queue, number);
    if (ticket?.free === true) dead.set(number, ticket);
    return ticket?.free ?? true;
  };
  const remove = async (number: number): Promise<void> => {
    const ticket = queue.remove(number) ? dead.get(number) : undefined;
    // A waiter that left in peace has said so.
    if (ticket !== undefined && ticket.record.state !== "released") waiterGone(ticket);
  };
  try {
    await queue.removeAbandoned();
    const numbers = queue.numbers();
    if (numbers.length < 2) return;
    await sweep({ numbers: async () => numbers, remove }, { keep: 1, removable });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}
