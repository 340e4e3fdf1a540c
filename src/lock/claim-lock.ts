import { join } from "node:path";
import { Failure } from "../failure.ts";
import { selfIdentity } from "../process/identity.ts";
import { ClaimDirectory, unlinkIfThere, type JudgedClaim } from "./claim-directory.ts";
import { HeldClaim } from "./held-claim.ts";
import type { Acquired, AcquireRequest, HandedOver, HeldLock, Lock, LockView, WaitOptions } from "./lock.ts";
import { OwnClaim, type ClaimDraft } from "./own-claim.ts";
import { highestOf, sweep } from "./protocol.ts";
import { publishClaim, type Published } from "./publish-claim.ts";
import type { Pulses } from "./pulses.ts";
import { Ticket, type WaiterGone } from "./ticket.ts";

/** Old claims that stay: their numbers and last lines are worth a look when something went wrong. */
const claimsKept = 16;

export interface ClaimLockPaths {
  readonly claims: string;
  readonly queue: string;
  /** Where the current claim is linked: `session.lock`. */
  readonly link: string;
}

export interface ClaimLockOptions {
  readonly name: string;
  readonly paths: ClaimLockPaths;
  readonly pulses: Pulses;
  /** Makes the directories again when somebody removed them under a holder. */
  readonly ensureDirectories: () => void;
  readonly waiterGone?: WaiterGone;
}

/** The lock as a directory of numbered claims; docs/locking.md tells the protocol and why it is safe. */
export class ClaimLock implements Lock {
  readonly name: string;
  readonly #paths: ClaimLockPaths;
  readonly #pulses: Pulses;
  readonly #claims: ClaimDirectory;
  readonly #queue: ClaimDirectory;
  readonly #ensureDirectories: () => void;
  readonly #waiterGone: WaiterGone;

  constructor({ name, paths, pulses, ensureDirectories, waiterGone = () => undefined }: ClaimLockOptions) {
    this.name = name;
    this.#paths = paths;
    this.#pulses = pulses;
    this.#claims = new ClaimDirectory(paths.claims, name, pulses.byKind);
    this.#queue = new ClaimDirectory(paths.queue, name, pulses.byKind);
    this.#ensureDirectories = ensureDirectories;
    this.#waiterGone = waiterGone;
  }

  async look(): Promise<LockView> {
    const last = await this.#highestClaim();
    return { holder: last === null || last.free ? null : last, last, waiters: await Ticket.live(this.#queue) };
  }

  async acquire(request: AcquireRequest): Promise<Acquired> {
    const view = await this.#lookToAcquire(request);
    const queueIsMine = request.passQueue === true || view.waiters.length === 0;
    if (view.holder === null && queueIsMine) {
      const acquired = await this.#take(request);
      if (request.wait === undefined) return acquired;
      if (acquired.held !== null && (await refusal(request.wait, acquired.held)) === null) return acquired;
    }
    if (request.wait === undefined) return { held: null, view };
    return this.#waitForTurn(request, request.wait);
  }

  async adopt(handedOver: HandedOver): Promise<HeldLock> {
    const judged = await this.#claims.judge(handedOver.token);
    if (judged === null) throw new Failure("LOCK_LOST", `The claim is gone\n${this.#claims.pathOf(handedOver.token)}`);
    const pulse = this.#pulses.byKind[judged.record.pulse.kind];
    const claim = await OwnClaim.adopt(this.#claims, pulse, judged.record, handedOver.descriptor);
    return this.#hold(claim);
  }

  async waitForEnd(holder: JudgedClaim, signal?: AbortSignal): Promise<void> {
    await this.#claims.waitForEnd(holder, signal);
  }

  async below(number: number): Promise<JudgedClaim | null> {
    const below = highestOf(this.#claims.numbers().filter((other) => other < number));
    return below === 0 ? null : this.#judgeOrForgive(below, true);
  }

  async #waitForTurn(request: AcquireRequest, wait: WaitOptions): Promise<Acquired> {
    const ticket = await Ticket.take(this.#queue, this.#pulses.forNew, wait.info, this.#waiterGone);
    try {
      for (;;) {
        wait.signal?.throwIfAborted();
        const ahead = await ticket.nearestAhead();
        const acquired = ahead === null ? await this.#take(request) : null;
        if (acquired?.held) {
          const waitForUse = await refusal(wait, acquired.held);
          if (waitForUse === null) return acquired;
          await waitForUse();
          continue;
        }
        const holder = acquired?.view.holder ?? (await this.look()).holder;
        wait.onWaiting?.({ ticket: ticket.number, position: await ticket.position(), holder });
        if (ahead !== null) await this.#queue.waitForEnd(ahead, wait.signal);
        else if (holder !== null) await this.#claims.waitForEnd(holder, wait.signal);
      }
    } finally {
      await ticket.leave();
    }
  }

  async #take(request: AcquireRequest): Promise<Acquired> {
    const draft: ClaimDraft = {
      state: "held",
      purpose: request.purpose,
      owner: selfIdentity(),
      since: new Date().toISOString(),
      info: request.info,
    };
    const { claim } = await this.#publish(draft, request.despiteDamage === true);
    if (claim === null) return { held: null, view: await this.look() };
    const held = this.#hold(claim);
    try {
      // Whoever holds the lock answers for the link: a holder that died could not remove its own.
      if (request.purpose === "session") claim.pointAt(this.#paths.link);
      else unlinkIfThere(this.#paths.link);
      await this.#tidy(held.token);
    } catch (error) {
      // Nobody learns of this lock, so nobody would release it.
      await held.release(request.info);
      throw error;
    }
    return { held };
  }

  #publish(draft: ClaimDraft, despiteDamage: boolean, atLeast = 1): Promise<Published> {
    return publishClaim(this.#claims, this.#pulses.forNew, draft, {
      beside: false,
      atLeast,
      isFree: async (number) => (await this.#judgeOrForgive(number, despiteDamage))?.free ?? true,
    });
  }

  /** Null for a claim that is gone, or damaged, free of any kernel lock, and to be taken over all the same. */
  async #judgeOrForgive(number: number, despiteDamage: boolean): Promise<JudgedClaim | null> {
    try {
      return await this.#claims.judge(number);
    } catch (error) {
      // What a newer holdfast has written is not damaged: it may well be held.
      const damaged = error instanceof Failure && error.code === "DATA" && error.facts["schema_version"] === undefined;
      if (despiteDamage && damaged && !(await this.#claims.isHeldThoughUnreadable(number))) return null;
      throw error;
    }
  }

  #hold(claim: OwnClaim): HeldClaim {
    const link = claim.record.purpose === "session" ? this.#paths.link : null;
    return new HeldClaim(this.#claims, claim, link, (lost) => this.#restore(lost));
  }

  /** Publishes a claim that vanished again, if nobody took the lock since; null if somebody did, or may have. */
  async #restore(vanished: OwnClaim): Promise<OwnClaim | null> {
    const { token, state, purpose, owner, since, info } = vanished.record;
    this.#ensureDirectories();
    const { claim } = await this.#publish({ state, purpose, owner, since, info }, false, token);
    if (claim === null || claim.record.token === token) return claim;
    claim.unpublish(claim.record.token);
    await claim.discard();
    return null;
  }

  async #lookToAcquire(request: AcquireRequest): Promise<LockView> {
    if (request.despiteDamage !== true) return this.look();
    const highest = highestOf(this.#claims.numbers());
    const last = highest === 0 ? null : await this.#judgeOrForgive(highest, true);
    return { holder: last === null || last.free ? null : last, last, waiters: [] };
  }

  async #highestClaim(): Promise<JudgedClaim | null> {
    for (;;) {
      const highest = highestOf(this.#claims.numbers());
      if (highest === 0) return null;
      const judged = await this.#claims.judge(highest);
      // The highest is never removed, so when it is gone there is a higher one, or the directory went with it.
      if (judged !== null) return judged;
    }
  }

  async #tidy(token: number): Promise<void> {
    const numbers = this.#claims.numbers();
    if (numbers.length <= claimsKept) return;
    const store = { numbers: async () => numbers, remove: async (number: number) => void this.#claims.remove(number) };
    try {
      await sweep(store, { keep: claimsKept, upTo: token });
      await this.#claims.removeAbandoned();
    } catch (error) {
      // Old files that cannot be removed are no reason to refuse the lock.
      if (!(error instanceof Failure)) throw error;
    }
  }
}

/** Null when the waiter can use the lock it holds now; else how to wait for another try. */
async function refusal(wait: WaitOptions, held: HeldLock): Promise<null | (() => Promise<void>)> {
  return wait.accept === undefined ? null : wait.accept(held);
}

/** The lock `name` of a state directory whose paths are given. */
export function claimLockPaths(state: { claims: string; queue: string; state: string }, name: string): ClaimLockPaths {
  return { claims: state.claims, queue: state.queue, link: join(state.state, `${name}.lock`) };
}
