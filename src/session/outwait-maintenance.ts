import type { LockView } from "../lock/lock.ts";
import type { Context } from "./context.ts";

const maintenancePatienceMs = 15_000;

/**
 * Maintenance gives the lock back by itself in a moment: worth waiting for even by those who do not wait.
 * @returns whether it is worth another try
 */
export async function outwaitMaintenance(context: Context, view: LockView): Promise<boolean> {
  if (view.holder === null) return view.waiters.length === 0;
  if (view.holder.record.purpose !== "maintenance" || view.holder.owner === "dead") return false;
  await context.lock.waitForEnd(view.holder, AbortSignal.timeout(maintenancePatienceMs)).catch(() => undefined);
  return (await context.lock.look()).holder?.number !== view.holder.number;
}
