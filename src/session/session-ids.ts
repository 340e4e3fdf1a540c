import type { Home } from "../home/locate.ts";
import { openToLook } from "./open-to-look.ts";
import { activeSession } from "./reconcile.ts";
import { waiterOf } from "./session-info.ts";
import { Trouble } from "./trouble.ts";

/**
 * The ids of the sessions that hold a lock, and of those that wait in line. Changes nothing; what cannot be read is
 * passed over.
 * @param lock null: of every lock
 */
export async function sessionIds(home: Home, lock: string | null): Promise<readonly string[]> {
  const trouble = new Trouble();
  const ids: (string | undefined)[] = [];
  for (const slot of await openToLook(home, lock)) {
    const view = await trouble.spare(() => slot.lock.look());
    if (view === null) continue;
    ids.push(activeSession(view)?.session.id, ...view.waiters.map((ticket) => waiterOf(ticket)?.id));
  }
  return [...new Set(ids.filter((id) => id !== undefined))];
}
