import { Failure } from "../failure.ts";
import { logAction } from "./cleanup-action.ts";
import { endOrphan } from "./cleanup-steps.ts";
import type { Context } from "./context.ts";
import { tryToNoteOrphaned } from "./orphans.ts";
import { reconcile } from "./reconcile.ts";

/**
 * What a `start` does that was refused because of what a dead keeper left: ends it, if `limits.reap_orphans` says so,
 * else only notes it.
 * @returns whether it is worth another try
 */
export async function clearOrphans(context: Context, refusal: unknown): Promise<boolean> {
  if (!(refusal instanceof Failure) || refusal.code !== "AGENTS_RUNNING") return false;
  const lost = await reconcile(context, await context.lock.look());
  let isCleared = lost.length > 0;
  for (const orphan of lost) {
    if (context.config.limits.reapOrphans) {
      const action = await endOrphan(context, {}, orphan);
      logAction(context, action);
      isCleared &&= action.result === "ended";
    } else {
      tryToNoteOrphaned(context, orphan.session, orphan.processes);
      isCleared = false;
    }
  }
  return isCleared;
}
