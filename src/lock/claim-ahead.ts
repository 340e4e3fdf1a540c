import type { ClaimDirectory } from "./claim-directory.ts";
import type { AheadOfTurn } from "./lock.ts";
import { OwnClaim } from "./own-claim.ts";
import type { Pulse } from "./pulse.ts";

/** In a line of commands that are done in no time the turn comes sooner, and nothing is made ready in vain. */
const draftAfterMs = 20;

export interface ClaimAheadOptions {
  readonly directory: ClaimDirectory;
  readonly pulse: Pulse;
  /** Told of each claim that was drafted. */
  readonly onDrafted: (ahead: AheadOfTurn) => void;
}

/**
 * The claim of the next in line, drafted while it waits: in its turn nothing is left but to link it under its number, and
 * what was started meanwhile has inherited its descriptor already. A draft is nothing to anybody: it has no number, and
 * its kernel lock keeps it from being swept as litter. A draft with a lease would have to be kept beating, so there is
 * none.
 */
export class ClaimAhead {
  readonly #options: ClaimAheadOptions;
  #timer: NodeJS.Timeout | undefined;
  #claim: OwnClaim | null = null;

  constructor(options: ClaimAheadOptions) {
    this.#options = options;
  }

  /** From now on this waiter is the next in line. */
  begin(): void {
    if (this.#options.pulse.kind !== "kernel" || this.#claim !== null) return;
    // Whoever fails to draft it now fails again in its turn, and says so then.
    this.#timer ??= setTimeout(() => void this.#draft().catch(() => undefined), draftAfterMs);
  }

  /** The claim, if it has been drafted: to be published or discarded by the caller. */
  use(): OwnClaim | null {
    this.#stop();
    const claim = this.#claim;
    this.#claim = null;
    return claim;
  }

  /** Discards what has been drafted, or is just being. */
  async end(): Promise<void> {
    await this.use()?.discard();
  }

  async #draft(): Promise<void> {
    const { directory, pulse, onDrafted } = this.#options;
    const timer = this.#timer;
    const claim = await OwnClaim.draft(directory, pulse);
    if (timer !== this.#timer) return claim.discard();
    this.#claim = claim;
    onDrafted(claim);
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
