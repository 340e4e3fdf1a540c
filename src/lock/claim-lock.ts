import { dirname, join } from "node:path";
import { Failure } from "../failure.ts";
import { selfIdentity } from "../process/identity.ts";
import { ClaimDirectory, holderOf, unlinkIfThere, type JudgedClaim } from "./claim-directory.ts";
import { isDamage, readClaim, type ClaimRecord } from "./claim-record.ts";
import type { ClaimLockOptions } from "./claim-lock-options.ts";
import { HeldClaim } from "./held-claim.ts";
import { Line, type Taken, type TakenInTurn } from "./line.ts";
import type {
  Acquired,
  AcquireRequest,
  HandedOver,
  HeldLock,
  LineView,
  Lock,
  LockView,
  WaitForUse,
  WaitOptions,
} from "./lock.ts";
import { isFree, lookAround, lookAtSlot } from "./look-around.ts";
import { OwnClaim, type ClaimDraft } from "./own-claim.ts";
import { highestOf } from "./protocol.ts";
import { publishClaim, type Published, type PublishOptions } from "./publish-claim.ts";
import type { Pulses } from "./pulses.ts";
import { gateName, numbersOfSlots, oneAtATime, readSlot, slotName } from "./slots.ts";
import { tidyClaims } from "./tidy-claims.ts";
import { Ticket } from "./ticket.ts";

/** What a contender has at hand when it goes to take the lock: the claim files it has just seen, a claim drafted ahead. */
type Known = Pick<PublishOptions, "ahead" | "names">;

type TakenHere = Taken & { readonly names?: readonly string[] };

/** The lock as a directory of numbered claims; docs/locking.md tells the protocol and why it is safe. */
export class ClaimLock implements Lock {
  readonly name: string;
  readonly slot: number;
  readonly #options: ClaimLockOptions;
  readonly #link: string;
  readonly #pulses: Pulses;
  readonly #claims: ClaimDirectory;
  readonly #queue: ClaimDirectory;

  constructor(options: ClaimLockOptions, slot = 1) {
    const { name, paths, pulses } = options;
    this.name = name;
    this.slot = slot;
    this.#options = options;
    this.#link = join(dirname(paths.link), `${slotName(name, slot)}.lock`);
    this.#pulses = pulses;
    this.#claims = new ClaimDirectory(paths.claims, slotName(name, slot), pulses.byKind);
    this.#queue = new ClaimDirectory(paths.queue, name, pulses.byKind);
  }

  at(slot: number): ClaimLock {
    return slot === this.slot ? this : new ClaimLock(this.#options, slot);
  }

  slotsInUse(): readonly number[] {
    const found = this.#claims.names().flatMap((file) => readSlot(file, this.name)?.slot ?? []);
    return [...new Set([1, ...found])].toSorted((a, b) => a - b);
  }

  async look(): Promise<LockView> {
    const last = await this.#highestClaim();
    return { holder: holderOf(last), last, blocked: null, ...(await this.line()) };
  }

  line(): Promise<LineView> {
    return Ticket.line(this.#queue);
  }

  async acquire(request: AcquireRequest): Promise<Acquired> {
    if (request.passQueue === true || request.despiteDamage === true) return this.#acquireHere(request);
    const { wait, slots = 1 } = request;
    const views = await this.#lookAround(request);
    const [{ waiters, unreadable }] = views;
    if (waiters.length + unreadable.length === 0 && views.some(isFree)) {
      const acquired = await this.#takeAny(request, slots);
      if (acquired.held !== null || wait === undefined) return acquired;
    }
    return wait === undefined ? { held: null, views } : this.#waitForTurn(request, wait);
  }

  async adopt(handedOver: HandedOver): Promise<HeldLock> {
    const judged = await this.#claims.judge(handedOver.token);
    if (judged === null) throw new Failure("LOCK_LOST", `The claim is gone\n${this.#claims.pathOf(handedOver.token)}`);
    const pulse = this.#pulses.byKind[judged.record.pulse.kind];
    const claim = await OwnClaim.adopt(this.#claims, pulse, judged.record, handedOver.descriptor);
    return this.#hold(claim, null);
  }

  async waitForEnd(holder: JudgedClaim, signal?: AbortSignal): Promise<void> {
    await this.#claims.waitForEnd(holder, signal);
  }

  below(number: number): Promise<JudgedClaim | null> {
    return this.#claims.judgeBelow(number);
  }

  recorded(number: number): ClaimRecord | null {
    return readClaim(this.#claims.pathOf(number));
  }

  #waitForTurn(request: AcquireRequest, wait: WaitOptions): Promise<Acquired> {
    const { slots = 1 } = request;
    const { waiterGone, ensureDirectories } = this.#options;
    return new Line({
      queue: this.#queue,
      pulse: this.#pulses.forNew,
      ticket: { info: wait.info, slots, waiterGone, ensureDirectories },
      claims: this.#claims,
      lookAround: () => this.#lookAround(request),
      take: (names, ahead) => this.#takeAny(request, slots, { names, ahead }),
    }).wait(wait);
  }

  /** Takes this very slot, past whoever waits. */
  async #acquireHere(request: AcquireRequest): Promise<Taken> {
    const view = await this.#lookToAcquire(request);
    if (view.holder !== null) return { held: null, views: [view] };
    if (!this.#takesTurns()) return this.#take(request);
    return this.#inTurn(() => this.#take(request, { besideSlots: true }));
  }

  /** @throws Failure `USAGE` when somebody goes by another number of slots */
  async #takeAny(request: AcquireRequest, slots: number, known: Known = {}): Promise<TakenInTurn> {
    let refused: WaitForUse | null = null;
    for (const tried = new Set<number>(); ;) {
      const acquired = await this.#takeFree(request, slots, tried, tried.size === 0 ? known : {});
      if (acquired.held === null) return refused === null ? acquired : { ...acquired, waitForUse: refused };
      const waitForUse = (await request.accept?.(acquired.held)) ?? null;
      if (waitForUse === null) return acquired;
      refused ??= waitForUse;
      tried.add(acquired.held.slot);
    }
  }

  async #takeFree(
    request: AcquireRequest,
    slots: number,
    except: ReadonlySet<number>,
    { names = this.#claims.names(), ahead }: Known,
  ): Promise<Taken> {
    if (slots > 1 || this.#takesTurns(names)) return this.#inTurn(() => this.#takeFirstFree(request, slots, except));
    if (except.has(this.slot)) return { held: null, views: [await this.look()] };
    const acquired = await this.#take(request, { names, ...(ahead === undefined ? {} : { ahead }) });
    if (acquired.held === null || !this.#takesTurns(acquired.names)) return acquired;
    // The other slots came meanwhile, and their numbers were not looked at.
    await acquired.held.release(request.info);
    return this.#takeFree(request, slots, except, {});
  }

  /** Whether there are other slots, which is nearly nowhere. */
  #takesTurns(names: readonly string[] = this.#claims.names()): boolean {
    return this.slot > 1 || names.some((file) => (readSlot(file, this.name)?.slot ?? 1) > 1);
  }

  #inTurn<Result>(task: () => Promise<Result>): Promise<Result> {
    return oneAtATime(new ClaimLock({ ...this.#options, name: gateName(this.name) }), task);
  }

  async #takeFirstFree(request: AcquireRequest, slots: number, except: ReadonlySet<number>): Promise<Taken> {
    for (let slot = 1; slot <= slots; slot += 1) {
      const lock = this.at(slot);
      // Cheaper than to write a claim in vain.
      if (except.has(slot) || (slots > 1 && !isFree(await lookAtSlot(() => lock.#highestClaim())))) continue;
      const acquired = await lock.#take(request, { besideSlots: true });
      if (acquired.held === null) continue;
      await this.#agreeOrGiveBack(acquired.held, request);
      return acquired;
    }
    return { held: null, views: await this.#lookAround(request) };
  }

  /**
   * Two that go by different numbers may take two slots in the same moment. Each looks again when its own claim can be
   * seen, so at least one of them sees the other.
   */
  async #agreeOrGiveBack(held: HeldLock, request: AcquireRequest): Promise<void> {
    try {
      await this.#lookAround(request);
    } catch (error) {
      await held.release(request.info);
      throw error;
    }
  }

  #lookAround({ slots = 1, nameOf }: AcquireRequest): Promise<readonly [LockView, ...LockView[]]> {
    return lookAround(slots, {
      nameOf,
      lastOf: (slot) => this.at(slot).#highestClaim(),
      line: () => this.line(),
      mayBeHeld: (slot, why) => this.at(slot).#mayBeHeld(why),
      used: () => this.slotsInUse(),
    });
  }

  /** @param why the last claim cannot be read */
  async #mayBeHeld(why: Failure): Promise<boolean> {
    if (!isDamage(why) || this.#pulses.choice.kind === "lease") return true;
    return this.#claims.isHeldThoughUnreadable(highestOf(this.#claims.numbers()));
  }

  /** @param besideSlots whether the numbers of other slots count: only in turn with whoever takes those */
  async #take(
    request: AcquireRequest,
    { besideSlots = false, ...known }: Known & { readonly besideSlots?: boolean } = {},
  ): Promise<TakenHere> {
    const draft: ClaimDraft = {
      state: "held",
      purpose: request.purpose,
      slots: request.slots ?? 1,
      owner: selfIdentity(),
      since: new Date().toISOString(),
      info: request.info,
    };
    const published = await this.#publish(draft, request.despiteDamage === true, {
      ...known,
      ...(besideSlots ? { elsewhere: async () => this.#numbersElsewhere() } : {}),
    });
    if (published.claim === null) return { held: null, views: [await this.look()] };
    const held = this.#hold(published.claim, published.before);
    try {
      // Whoever holds the lock answers for the link: a holder that died could not remove its own.
      if (request.purpose === "session") published.claim.pointAt(this.#link);
      else unlinkIfThere(this.#link);
    } catch (error) {
      // Nobody learns of this lock, so nobody would release it.
      await held.release(request.info);
      throw error;
    }
    held.soon(() => tidyClaims(this.#claims, held.token));
    return { held, names: published.names };
  }

  #numbersElsewhere(): readonly number[] {
    return numbersOfSlots(this.#claims.names(), this.name, this.slot);
  }

  /** @returns with the last claim that was looked at, and found free */
  async #publish(
    draft: ClaimDraft,
    despiteDamage: boolean,
    where: Pick<PublishOptions, "elsewhere" | "atLeast" | "ahead" | "names">,
  ): Promise<Published & { readonly before: JudgedClaim | null }> {
    let before: JudgedClaim | null = null;
    const published = await publishClaim(this.#claims, this.#pulses.forNew, draft, {
      beside: false,
      ...where,
      isFree: async (number) => {
        before = await this.#claims.judgeOrForgive(number, despiteDamage);
        return before?.free ?? true;
      },
    });
    return { ...published, before };
  }

  #hold(claim: OwnClaim, before: JudgedClaim | null): HeldClaim {
    const link = claim.record.purpose === "session" ? this.#link : null;
    const place = { directory: this.#claims, slot: this.slot, before };
    return new HeldClaim(place, claim, link, (lost) => this.#restore(lost));
  }

  /** Publishes a claim that vanished again, if nobody took the lock since; null if somebody did, or may have. */
  async #restore(vanished: OwnClaim): Promise<OwnClaim | null> {
    const { token, state, purpose, slots, owner, since, info } = vanished.record;
    const draft: ClaimDraft = { state, purpose, slots, owner, since, info };
    this.#options.ensureDirectories();
    // What the other slots have got, or got back, is no reason not to; unless it is this very number.
    const elsewhere = async () => this.#numbersElsewhere().filter((number) => number === token);
    const publish = () => this.#publish(draft, false, { atLeast: token, ...(slots > 1 ? { elsewhere } : {}) });
    const { claim } = await (slots > 1 ? this.#inTurn(publish) : publish());
    if (claim === null || claim.record.token === token) return claim;
    claim.unpublish(claim.record.token);
    await claim.discard();
    return null;
  }

  async #lookToAcquire(request: AcquireRequest): Promise<LockView> {
    if (request.despiteDamage !== true) return this.look();
    const highest = highestOf(this.#claims.numbers());
    const last = highest === 0 ? null : await this.#claims.judgeOrForgive(highest, true);
    return { holder: holderOf(last), last, blocked: null, waiters: [], unreadable: [] };
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
}
