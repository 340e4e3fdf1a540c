import type { ClaimDirectory } from "./claim-directory.ts";
import { OwnClaim, type ClaimDraft } from "./own-claim.ts";
import { takeNumber, type NumberedStore, type TakeOptions } from "./protocol.ts";
import type { Pulse } from "./pulse.ts";

export type Published = { readonly claim: OwnClaim } | { readonly claim: null; readonly heldBy: number };

/** With the part of the store that a directory does not know. */
export type PublishOptions = TakeOptions & Pick<NumberedStore, "isFree" | "elsewhere">;

/**
 * Writes a claim and takes a number for it: the protocol over a real directory.
 */
export async function publishClaim(
  directory: ClaimDirectory,
  pulse: Pulse,
  draft: ClaimDraft,
  options: PublishOptions,
): Promise<Published> {
  let claim = await OwnClaim.draft(directory, pulse, draft);
  const startOver = async (): Promise<void> => {
    await claim.discard();
    claim = await OwnClaim.draft(directory, pulse, draft);
  };
  const store: NumberedStore = {
    numbers: async () => directory.numbers(),
    isFree: options.isFree,
    ...(options.elsewhere === undefined ? {} : { elsewhere: options.elsewhere }),
    publish: async (number) => {
      const outcome = claim.publish(number);
      if (outcome === "swept") await startOver();
      return outcome === "published";
    },
    isStillMine: async (number) => claim.isLinkedAs(directory.pathOf(number)),
    withdraw: async (number) => {
      claim.unpublish(number);
      // Who waits for the end of the file that was seen here must wake, and not wait for the next number that it gets.
      await startOver();
    },
    remove: async (number) => void directory.remove(number),
  };
  try {
    const taken = await takeNumber(store, options);
    if ("taken" in taken) {
      claim.settle();
      return { claim };
    }
    await claim.discard();
    return { claim: null, heldBy: taken.heldBy };
  } catch (error) {
    await claim.discard();
    throw error;
  }
}
