import { Failure } from "../failure.ts";
import type { Context } from "./context.ts";
import { refuseToWaitForItself } from "./inside.ts";
import { activeSession } from "./reconcile.ts";
import { hasRecord } from "./session-end.ts";
import { waiterOf } from "./session-info.ts";
import { findActiveById } from "./slots.ts";

/**
 * Waits while a session of this id is only in line for the lock.
 * @returns the uid of the one that was; null when none was, or its ticket does not tell
 * @throws the signal's reason when it aborts; Failure `BUSY` inside the session whose end it would take
 */
export async function untilItsTurn(context: Context, id: string | null, signal?: AbortSignal): Promise<string | null> {
  if (id === null) return null;
  for (let uid: string | null = null; ;) {
    const view = await context.lock.look();
    const ticket = view.waiters.find((waiter) => waiterOf(waiter)?.id === id);
    // Its ticket outlives its first moments with the lock.
    if (ticket === undefined || (await findActiveById(context, id)) !== null) return uid;
    uid = waiterOf(ticket)?.uid ?? null;
    const ahead = activeSession(view)?.session;
    if (ahead?.slots === 1) refuseToWaitForItself(context, ahead);
    await context.lock.waitForEnd(ticket, signal);
  }
}

/** Why there is nothing to wait for: the session that was in line does not hold the lock now. */
export function notItsTurn(context: Context, id: string | null, uid: string): Failure {
  const what = hasRecord(context.home, uid) ? "has ended already" : "left the line before its turn";
  return new Failure("NO_SESSION", `${id ?? uid} ${what}`, {
    facts: { session: id },
    next: [{ does: "look back", command: "holdfast logs" }],
  });
}
