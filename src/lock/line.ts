import { systemClock } from "../process/clock.ts";
import { ClaimAhead } from "./claim-ahead.ts";
import type { ClaimDirectory, JudgedClaim } from "./claim-directory.ts";
import type { HeldClaim } from "./held-claim.ts";
import type { LockView, WaitForUse, WaitOptions } from "./lock.ts";
import { isFree } from "./look-around.ts";
import { highestOf } from "./protocol.ts";
import type { Pulse } from "./pulse.ts";
import { numbersOfSlots } from "./slots.ts";
import { Ticket, type TicketOptions } from "./ticket.ts";

/** How often the first in line looks at the slots, if there are several: a process cannot wait for many claims at once. */
const lookAtSlotsEveryMs = 100;

type Views = readonly [LockView, ...LockView[]];

/** What came of trying to take the lock, as `Acquired` says it. */
export type Taken = { readonly held: HeldClaim } | { readonly held: null; readonly views: Views };

/** @param waitForUse of a lock that could be had and is of no use yet */
export type TakenInTurn = Taken & { readonly waitForUse?: WaitForUse };

/** The lock that a line waits for. */
export interface LineOptions {
  readonly queue: ClaimDirectory;
  readonly claims: ClaimDirectory;
  readonly pulse: Pulse;
  readonly ticket: TicketOptions;
  readonly lookAround: () => Promise<Views>;
  /** Takes a slot, if one is free. @param names the claim files that there are */
  readonly take: (names: readonly string[], ahead: ClaimAhead) => Promise<TakenInTurn>;
}

/** The line before a lock, as one who waits in it sees it. */
export class Line {
  readonly #options: LineOptions;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  /**
   * Waits for the lock with a ticket, and takes it in its turn.
   * @throws the signal's reason when it aborts
   */
  async wait(wait: WaitOptions): Promise<{ readonly held: HeldClaim }> {
    const { queue, claims, pulse, ticket: about } = this.#options;
    const ticket = await Ticket.take(queue, pulse, about);
    const ahead = new ClaimAhead({ directory: claims, pulse, onDrafted: (claim) => wait.onNext?.(claim) });
    try {
      const held = await this.#waitWith(ticket, ahead, wait);
      // It stands in line no more, but whoever is behind it need not wake just now, when there is other work to do.
      ticket.giveUp();
      held.soon(() => ticket.leave());
      return { held };
    } catch (error) {
      await ticket.leave();
      throw error;
    } finally {
      await ahead.end();
    }
  }

  async #waitWith(ticket: Ticket, ahead: ClaimAhead, wait: WaitOptions): Promise<HeldClaim> {
    const { queue, claims, lookAround, take } = this.#options;
    for (let highestSeen = 0; ;) {
      wait.signal?.throwIfAborted();
      await ticket.stand(wait.signal);
      const before = await ticket.nearestAhead();
      const names = before === null ? claims.names() : null;
      // Numbers only rise, so the state was removed under its holder, or is being removed right now.
      if (names !== null && highestOf(numbersOfSlots(names, claims.lock)) < highestSeen) {
        highestSeen = 0;
        await ticket.outlastRemoval(wait.signal);
        continue;
      }
      const taken = names === null ? null : await take(names, ahead);
      if (taken?.held) return taken.held;
      if (taken?.waitForUse) {
        await ticket.tell(wait, []);
        await taken.waitForUse();
        continue;
      }
      const views = taken?.views ?? (await lookAround());
      const holders = views.flatMap(({ holder }) => holder ?? []);
      highestSeen = highestOf([highestSeen, ...holders.map(({ number }) => number)]);
      await ticket.tell(wait, holders);
      if (before === null) await this.#waitForSlot(holders, ahead, wait);
      else await queue.waitForEnd(before, wait.signal);
    }
  }

  /** Resolves when one of the slots may be free. */
  async #waitForSlot(
    holders: readonly JudgedClaim[],
    ahead: ClaimAhead,
    { onNext, signal }: WaitOptions,
  ): Promise<void> {
    const { claims, lookAround, ticket } = this.#options;
    const [only] = holders;
    if (ticket.slots === 1) {
      // Held a moment ago, and free when it was looked who holds it: then it is worth another try at once.
      if (only === undefined) return;
      if (onNext !== undefined) ahead.begin();
      return claims.waitForEnd(only, signal);
    }
    while (!(await lookAround()).some(isFree)) {
      await systemClock.sleep(lookAtSlotsEveryMs, signal);
      signal?.throwIfAborted();
    }
  }
}
