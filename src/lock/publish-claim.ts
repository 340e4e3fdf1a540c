import type { ClaimAhead } from "./claim-ahead.ts";
import type { ClaimDirectory } from "./claim-directory.ts";
import { OwnClaim, type ClaimDraft } from "./own-claim.ts";
import { takeNumber, type NumberedStore, type TakeOptions } from "./protocol.ts";
import type { Pulse } from "./pulse.ts";

/** @param names the files that the directory had when the claim was published */
export type Published =
  | { readonly claim: OwnClaim; readonly names: readonly string[] }
  | { readonly claim: null; readonly heldBy: number };

export interface PublishOptions extends TakeOptions, Pick<NumberedStore, "isFree" | "elsewhere"> {
  /** The files that the directory has, if somebody has just looked. */
  readonly names?: readonly string[];
  /** Has the file to publish, perhaps. */
  readonly ahead?: ClaimAhead;
}

/**
 * Writes a claim and takes a number for it: the protocol over a real directory. Who finds the lock held has written
 * nothing.
 */
export async function publishClaim(
  directory: ClaimDirectory,
  pulse: Pulse,
  draft: ClaimDraft,
  options: PublishOptions,
): Promise<Published> {
  const own = new OwnFile(directory, pulse, options.ahead);
  let names = options.names ?? [];
  let isFresh = options.names !== undefined;
  const store: NumberedStore = {
    numbers: async () => {
      if (!isFresh) names = directory.names();
      isFresh = false;
      return directory.numbers(names);
    },
    isFree: options.isFree,
    ...(options.elsewhere === undefined ? {} : { elsewhere: options.elsewhere }),
    publish: async (number) => {
      const claim = await own.claim();
      const outcome = claim.publish(number, draft);
      if (outcome === "swept") await own.startOver();
      return outcome === "published";
    },
    isStillMine: async (number) => (await own.claim()).isLinkedAs(directory.pathOf(number)),
    withdraw: async (number) => {
      (await own.claim()).unpublish(number);
      // Who waits for the end of the file that was seen here must wake, and not wait for the next number that it gets.
      await own.startOver();
    },
    remove: async (number) => void directory.remove(number),
  };
  try {
    const taken = await takeNumber(store, options);
    if ("taken" in taken) {
      const claim = await own.claim();
      claim.settle();
      return { claim, names };
    }
    await own.startOver();
    return { claim: null, heldBy: taken.heldBy };
  } catch (error) {
    await own.startOver();
    throw error;
  }
}

/** The file that a contender publishes, from when it needs one. */
class OwnFile {
  readonly #directory: ClaimDirectory;
  readonly #pulse: Pulse;
  readonly #ahead: ClaimAhead | undefined;
  #claim: OwnClaim | null = null;

  constructor(directory: ClaimDirectory, pulse: Pulse, ahead: ClaimAhead | undefined) {
    this.#directory = directory;
    this.#pulse = pulse;
    this.#ahead = ahead;
  }

  async claim(): Promise<OwnClaim> {
    this.#claim ??= this.#ahead?.use() ?? (await OwnClaim.draft(this.#directory, this.#pulse));
    return this.#claim;
  }

  /** What comes next, if anything does, is another file. */
  async startOver(): Promise<void> {
    const claim = this.#claim;
    this.#claim = null;
    await claim?.discard();
  }
}
