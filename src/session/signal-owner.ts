import type { JudgedClaim } from "../lock/claim-directory.ts";
import { isSameProcess, livenessOf, signalProcess, type SignalResult } from "../process/identity.ts";
import { knownFile } from "../process/known-file.ts";
import { isKeeper } from "../process/proof.ts";
import type { ProcessEntry } from "../process/table.ts";
import type { Context } from "./context.ts";

/**
 * Looks whether the process that a claim, or a ticket, names as its owner lives here and shows by itself that it is: by
 * having that very file open for writing.
 * @returns what signals it, at once
 */
export async function proveOwner(
  context: Context,
  claim: JudgedClaim,
): Promise<(signal: NodeJS.Signals) => SignalResult> {
  const { owner } = claim.record;
  const liveness = livenessOf(owner);
  if (liveness !== "alive") return () => (liveness === "dead" ? "gone" : "not_ours");
  const isProven = (await findOwner(context, claim)) !== null;
  return (signal) => (isProven ? signalProcess(owner, signal) : "not_ours");
}

/** Signals the owner of a claim, if it proves to be that. */
export async function signalOwner(context: Context, claim: JudgedClaim, signal: NodeJS.Signals): Promise<SignalResult> {
  return (await proveOwner(context, claim))(signal);
}

/** The owner of a claim as the process table has it; null when it is not here, or nothing but the claim says so. */
async function findOwner(context: Context, { path, record }: JudgedClaim): Promise<ProcessEntry | null> {
  const table = await context.processes();
  const listed = await table.list((pid) => pid === record.owner.pid);
  const entry = listed.find(({ identity }) => isSameProcess(identity, record.owner));
  return entry !== undefined && (await isKeeper(table, entry, knownFile(path))) ? entry : null;
}
