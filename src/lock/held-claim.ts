import type { ProcessIdentity } from "../process/identity.ts";
import type { ClaimDirectory, JudgedClaim } from "./claim-directory.ts";
import type { AheadOfTurn, HeldLock } from "./lock.ts";
import type { OwnClaim } from "./own-claim.ts";
import { highestOf } from "./protocol.ts";
import type { PulseKind, PulseMark } from "./pulse.ts";

/** A command that was made ahead has begun by then. */
const soonMs = 10;

/** Where a lock in hand has its claim. */
export interface HeldPlace {
  readonly directory: ClaimDirectory;
  readonly slot: number;
  /** A claim that was found free on the way to this one; null when none is known. */
  readonly before: JudgedClaim | null;
}

/** The lock in hand: the claim with the highest number, and the link that shows it. */
export class HeldClaim implements HeldLock {
  readonly slot: number;
  readonly #directory: ClaimDirectory;
  readonly #before: JudgedClaim | null;
  /** `session.lock`; null for a maintenance claim, which is no session. */
  readonly #link: string | null;
  readonly #restore: (claim: OwnClaim) => Promise<OwnClaim | null>;
  readonly #lost = new AbortController();
  /** Claims that were moved away, and their directory with them: whoever comes to that place still finds them held. */
  readonly #moved: OwnClaim[] = [];
  #claim: OwnClaim;
  #verifying: Promise<"held" | "restored" | "lost"> | null = null;
  /** Not handed on, nor given back. */
  #isMine = true;
  readonly #owed: (() => Promise<void>)[] = [];
  #settling: Promise<void> = Promise.resolve();

  constructor(
    { directory, slot, before }: HeldPlace,
    claim: OwnClaim,
    link: string | null,
    restore: (claim: OwnClaim) => Promise<OwnClaim | null>,
  ) {
    this.slot = slot;
    this.#directory = directory;
    this.#before = before;
    this.#claim = claim;
    this.#link = link;
    this.#restore = restore;
    this.#listenTo(claim);
  }

  get token(): number {
    return this.#claim.record.token;
  }

  get mark(): PulseMark {
    return this.#claim.record.pulse;
  }

  get pulse(): PulseKind {
    return this.mark.kind;
  }

  get descriptor(): number | null {
    return this.#claim.descriptor;
  }

  async below(): Promise<JudgedClaim | null> {
    // Free once, free for ever; and between two numbers that follow each other there is none.
    return this.#before?.number === this.token - 1 ? this.#before : this.#directory.judgeBelow(this.token);
  }

  isAsAhead(ahead: AheadOfTurn): boolean {
    return this.#claim === ahead;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /**
   * Has something done in a moment, and before the lock is handed on or given back: whoever has just been given it has
   * better things to do. What goes wrong there is told then.
   */
  soon(task: () => Promise<void>): void {
    this.#owed.push(task);
    if (this.#owed.length === 1) setTimeout(() => void this.#settleUp().catch(() => undefined), soonMs).unref();
  }

  #settleUp(): Promise<void> {
    this.#settling = this.#doOwed(this.#settling);
    return this.#settling;
  }

  /** One task after the other. What fails is told of at the end, and keeps no other from being done. */
  async #doOwed(before: Promise<void>): Promise<void> {
    try {
      await before;
    } finally {
      const task = this.#owed.shift();
      if (task !== undefined) await this.#doOwed(task());
    }
  }

  update(info: unknown): void {
    if (this.#isMine) this.#claim.append({ info });
  }

  async handTo(owner: ProcessIdentity): Promise<void> {
    await this.#settleUp();
    this.#claim.append({ owner });
    this.#isMine = false;
    await this.#claim.beat.leave();
  }

  verify(): Promise<"held" | "restored" | "lost"> {
    // One at a time: a second one would find what the first restores, and take it for somebody else's.
    this.#verifying ??= this.#verify().finally(() => {
      this.#verifying = null;
    });
    return this.#verifying;
  }

  async release(info: unknown): Promise<void> {
    if (!this.#isMine) return;
    this.#isMine = false;
    await this.#verifying?.catch(() => undefined);
    try {
      await this.#settleUp();
      // While still holding: whoever takes the lock next must not find its own link removed.
      if (this.#link !== null) this.#claim.unlinkIfMine(this.#link);
    } finally {
      await Promise.all([this.#claim, ...this.#moved].map((claim) => giveBack(claim, info)));
    }
  }

  async #verify(): Promise<"held" | "restored" | "lost"> {
    if (this.lost.aborted || highestOf(this.#directory.numbers()) > this.token) return "lost";
    if (this.#claim.isLinkedAs(this.#claim.path)) return "held";
    const vanished = this.#claim;
    const restored = await this.#restore(vanished);
    if (restored === null) return "lost";
    this.#claim = restored;
    this.#listenTo(restored);
    // Whoever waits for a file that was removed wakes, and finds this one; nobody else can see that file any more.
    if (vanished.hasName()) this.#moved.push(vanished);
    else await vanished.beat.end();
    return "restored";
  }

  show(): void {
    if (this.#isMine && this.#link !== null && !this.#claim.isLinkedAs(this.#link)) this.#claim.pointAt(this.#link);
  }

  /** Only the current claim's pulse counts: that of one that vanished breaks too, after it was restored. */
  #listenTo(claim: OwnClaim): void {
    const { lost } = claim.beat;
    lost.addEventListener("abort", () => {
      if (this.#claim === claim) this.#lost.abort(lost.reason);
    });
  }
}

/** The pulse ends also when nothing can be written, on a full disk: then the next holder looks at what is left. */
async function giveBack(claim: OwnClaim, info: unknown): Promise<void> {
  try {
    claim.append({ state: "released", info });
  } finally {
    await claim.beat.end();
  }
}
