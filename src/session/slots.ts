import type { Context } from "./context.ts";
import { activeSession, type ActiveSession } from "./reconcile.ts";
import type { SessionInfo } from "./session-info.ts";

/** The context of another slot of the same lock. */
export function atSlot(context: Context, slot: number): Context {
  return slot === context.lock.slot ? context : { ...context, lock: context.lock.at(slot) };
}

/** A context for each slot of the lock that was ever taken; one, unless several sessions may hold it at once. */
export function slotsOf(context: Context): readonly [Context, ...Context[]] {
  const [first = 1, ...others] = context.lock.slotsInUse();
  return [atSlot(context, first), ...others.map((slot) => atSlot(context, slot))];
}

/** The first session that holds a slot and is meant; null when none does. */
export async function findActive(
  context: Context,
  isMeant: (active: ActiveSession) => boolean,
): Promise<ActiveSession | null> {
  for (const slot of slotsOf(context)) {
    const active = activeSession(await slot.lock.look());
    if (active !== null && isMeant(active)) return active;
  }
  return null;
}

/** The session of this id that holds a slot; any, when that is null. */
export async function findActiveById(context: Context, id: string | null): Promise<SessionInfo | null> {
  return (await findActive(context, ({ session }) => id === null || session.id === id))?.session ?? null;
}
