import { selfIdentity } from "../process/identity.ts";
import { Failure } from "../failure.ts";
import type { ClaimDirectory, JudgedClaim } from "./claim-directory.ts";
import type { ClaimDraft, OwnClaim } from "./own-claim.ts";
import { sweep } from "./protocol.ts";
import { publishClaim } from "./publish-claim.ts";
import type { Pulse } from "./pulse.ts";

/** Told of a waiter that died in line, by the one process that removes its ticket. */
export type WaiterGone = (ticket: JudgedClaim) => void;

/** A place in line: the same kind of file as a claim, numbered by arrival, alive as long as its waiter. */
export class Ticket {
  readonly #queue: ClaimDirectory;
  readonly #claim: OwnClaim;
  readonly #waiterGone: WaiterGone;

  private constructor(queue: ClaimDirectory, claim: OwnClaim, waiterGone: WaiterGone) {
    this.#queue = queue;
    this.#claim = claim;
    this.#waiterGone = waiterGone;
  }

  static async take(
    queue: ClaimDirectory,
    pulse: Pulse,
    { info, slots }: { readonly info: unknown; readonly slots: number },
    waiterGone: WaiterGone,
  ): Promise<Ticket> {
    const draft: ClaimDraft = {
      state: "held",
      purpose: "ticket",
      slots,
      owner: selfIdentity(),
      since: new Date().toISOString(),
      info,
    };
    const { claim } = await publishClaim(queue, pulse, draft, { beside: true, isFree: async () => true });
    if (claim === null) throw new Failure("INTERNAL", "A ticket was refused");
    await sweepDead(queue, waiterGone);
    return new Ticket(queue, claim, waiterGone);
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

  /** Gives the place up; whoever is behind wakes. What the waiter waited for is never spoilt by this. */
  async leave(): Promise<void> {
    try {
      this.#claim.append({ state: "released" });
    } catch {
      // The end of the pulse says the same.
    }
    await this.#claim.beat.end();
    // Whoever leaves because of its turn has better things to do just now; who exits at once leaves it to the next.
    setImmediate(() => void sweepDead(this.#queue, this.#waiterGone));
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
    const numbers = queue.numbers();
    if (numbers.length < 2) return;
    await sweep({ numbers: async () => numbers, remove }, { keep: 1, removable });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}
