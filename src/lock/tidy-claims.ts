import { Failure } from "../failure.ts";
import type { ClaimDirectory } from "./claim-directory.ts";
import { sweep } from "./protocol.ts";

/** Old claims that stay: their numbers and last lines are worth a look when something went wrong. */
const claimsKept = 16;

/** Removes old claims, and what dead contenders left; only for the one that has just taken the lock with this token. */
export async function tidyClaims(claims: ClaimDirectory, token: number): Promise<void> {
  const numbers = claims.numbers();
  if (numbers.length <= claimsKept) return;
  const store = { numbers: async () => numbers, remove: async (number: number) => void claims.remove(number) };
  try {
    await sweep(store, { keep: claimsKept, upTo: token });
    await claims.removeAbandoned();
  } catch (error) {
    // Old files that cannot be removed are no reason to refuse the lock.
    if (!(error instanceof Failure)) throw error;
  }
}
