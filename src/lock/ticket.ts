import { selfIdentity } from "../process/identity.ts";
import { Failure } from "../failure.ts";
import type { ClaimDirectory, JudgedClaim } from "./claim-directory.ts";
import { OwnClaim } from "./own-claim.ts";
import { sweep, takeNumber } from "./protocol.ts";
import type { Pulse } from "./pulse.ts";

/** A place in line: the same kind of file as a claim, numbered by arrival, alive as long as its waiter. */
export class Ticket {
  readonly #queue: ClaimDirectory;
  readonly #claim: OwnClaim;

  private constructor(queue: ClaimDirectory, claim: OwnClaim) {
    this.#queue = queue;
    this.#claim = claim;
  }

  static async take(queue: ClaimDirectory, pulse: Pulse, info: unknown): Promise<Ticket> {
    const since = new Date().toISOString();
    const claim = await OwnClaim.draft(queue, pulse, {
      state: "held",
      purpose: "ticket",
      owner: selfIdentity(),
      since,
      info,
    });
    try {
      await takeNumber(
        {
          numbers: async () => queue.numbers(),
          isFree: async () => true,
          publish: async (number) => claim.publish(number),
          isStillMine: async (number) => claim.isLinkedAs(queue.pathOf(number)),
          withdraw: async (number) => claim.unpublish(number),
          remove: async (number) => queue.remove(number),
        },
        { beside: true },
      );
      claim.settle();
    } catch (error) {
      await claim.discard();
      throw error;
    }
    const ticket = new Ticket(queue, claim);
    await sweepDead(queue);
    return ticket;
  }

  /** The live tickets, first in line first. A damaged ticket is nobody's place. */
  static async live(queue: ClaimDirectory): Promise<readonly JudgedClaim[]> {
    const judged: JudgedClaim[] = [];
    for (const number of queue.numbers().toSorted((a, b) => a - b)) {
      const ticket = await judgeTicket(queue, number);
      if (ticket !== null && !ticket.free) judged.push(ticket);
    }
    return judged;
  }

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

  /** 1: next in line. */
  async position(): Promise<number> {
    return (await Ticket.live(this.#queue)).filter((ticket) => ticket.number < this.number).length + 1;
  }

  /** Gives the place up; whoever is behind wakes. */
  async leave(): Promise<void> {
    this.#claim.append({ state: "released" });
    await this.#claim.beat.end();
    await sweepDead(this.#queue);
  }
}

async function judgeTicket(queue: ClaimDirectory, number: number): Promise<JudgedClaim | null> {
  try {
    return await queue.judge(number);
  } catch (error) {
    if (error instanceof Failure && error.code === "DATA") return null;
    throw error;
  }
}

async function sweepDead(queue: ClaimDirectory): Promise<void> {
  const numbers = queue.numbers();
  if (numbers.length < 2) return;
  await sweep({ numbers: async () => numbers, remove: async (number) => queue.remove(number) }, 1, async (number) => {
    const ticket = await judgeTicket(queue, number);
    return ticket === null || ticket.free;
  });
}
