import { Failure } from "../failure.ts";
import { logAction } from "./cleanup-action.ts";
import { endOrphan } from "./cleanup-steps.ts";
import type { Context } from "./context.ts";
import { tryToNoteOrphaned } from "./orphans.ts";
import { reconcile } from "./reconcile.ts";
import { slotsOf } from "./slots.ts";
import type { Unsettled } from "./unsettled.ts";

/**
 * What a `start` does that was refused because of what a dead keeper left: ends it, if `limits.reap_orphans` says so,
 * else only notes it.
 * @returns whether it is worth another try
 */
export async function clearOrphans(context: Context, refusal: unknown): Promise<boolean> {
  // Of several slots, a healthy session may have one, and an orphan another.
  if (!(refusal instanceof Failure) || !["AGENTS_RUNNING", "BUSY"].includes(refusal.code)) return false;
  let cleared = 0;
  let left = 0;
  for (const slot of slotsOf(context)) {
    for (const orphan of await reconcile(slot, await slot.lock.look())) {
      if (await clearOrphan(slot, orphan)) cleared += 1;
      else left += 1;
    }
  }
  return cleared > 0 && left === 0;
}

async function clearOrphan(context: Context, orphan: Unsettled): Promise<boolean> {
  if (!context.config.limits.reapOrphans) {
    tryToNoteOrphaned(context, orphan.session, orphan.processes);
    return false;
  }
  const action = await endOrphan(context, {}, orphan, { unlessSurvived: true });
  logAction(context, action);
  return action.result === "ended";
}
