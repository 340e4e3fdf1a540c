import type { ProcessIdentity } from "../process/identity.ts";
import type { ClaimDirectory } from "./claim-directory.ts";
import type { HeldLock } from "./lock.ts";
import type { OwnClaim } from "./own-claim.ts";
import { highestOf } from "./protocol.ts";
import type { PulseKind, PulseMark } from "./pulse.ts";

/** The lock in hand: the claim with the highest number, and the link that shows it. */
export class HeldClaim implements HeldLock {
  readonly #directory: ClaimDirectory;
  /** `session.lock`; null for a maintenance claim, which is no session. */
  readonly #link: string | null;
  readonly #restore: (claim: OwnClaim) => Promise<OwnClaim | null>;
  #claim: OwnClaim;
  #handedOn = false;

  constructor(
    directory: ClaimDirectory,
    claim: OwnClaim,
    link: string | null,
    restore: (claim: OwnClaim) => Promise<OwnClaim | null>,
  ) {
    this.#directory = directory;
    this.#claim = claim;
    this.#link = link;
    this.#restore = restore;
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
    return this.#claim.beat.descriptor;
  }

  get lost(): AbortSignal {
    return this.#claim.beat.lost;
  }

  update(info: unknown): void {
    this.#claim.append({ info });
  }

  async handTo(owner: ProcessIdentity): Promise<void> {
    this.#claim.append({ owner });
    this.#handedOn = true;
    await this.#claim.beat.leave();
  }

  async verify(): Promise<"held" | "restored" | "lost"> {
    if (this.lost.aborted || highestOf(this.#directory.numbers()) > this.token) return "lost";
    if (this.#claim.isLinkedAs(this.#claim.path)) return "held";
    const restored = await this.#restore(this.#claim);
    if (restored === null) return "lost";
    // The old descriptor stays open: the agent shares it, and it costs nothing.
    this.#claim = restored;
    if (this.#link !== null) restored.pointAt(this.#link);
    return "restored";
  }

  async release(info: unknown): Promise<void> {
    if (this.#handedOn) return;
    // While still holding: whoever takes the lock next must not find its own link removed.
    try {
      if (this.#link !== null) this.#claim.unlinkIfMine(this.#link);
      this.#claim.append({ state: "released", info });
    } finally {
      // On a full disk too: without its pulse the claim is as free as with the word.
      await this.#claim.beat.end();
    }
  }
}
