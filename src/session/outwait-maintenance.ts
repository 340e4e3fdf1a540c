import type { LockView } from "../lock/lock.ts";
import type { Context } from "./context.ts";

const maintenancePatienceMs = 15_000;

/**
 * Maintenance gives the lock back by itself in a moment: worth waiting for even by those who do not wait.
 * @param views of the slots that were tried
 * @returns whether it is worth another try
 */
export async function outwaitMaintenance(context: Context, views: readonly LockView[]): Promise<boolean> {
  for (const { holder, waiters, unreadable, blocked } of views) {
    if (blocked !== null) continue;
    if (holder === null && waiters.length + unreadable.length === 0) return true;
    if (holder === null || holder.record.purpose !== "maintenance" || holder.owner === "dead") continue;
    const patience = AbortSignal.timeout(maintenancePatienceMs);
    await context.lock.waitForEnd(holder, patience).catch(() => undefined);
    return !patience.aborted;
  }
  return false;
}
