import { Failure } from "../failure.ts";
import type { Context } from "./context.ts";
import { activeSession, type ActiveSession } from "./reconcile.ts";
import type { SessionInfo } from "./session-info.ts";
import { Trouble } from "./trouble.ts";
import { readableHold } from "./unsettled.ts";

/** The context of another slot of the same lock. */
export function atSlot(context: Context, slot: number): Context {
  return slot === context.lock.slot ? context : { ...context, lock: context.lock.at(slot) };
}

/** A context for each slot of the lock that was ever taken; one, unless several sessions may hold it at once. */
export function slotsOf(context: Context): readonly [Context, ...Context[]] {
  const [first = 1, ...others] = context.lock.slotsInUse();
  return [atSlot(context, first), ...others.map((slot) => atSlot(context, slot))];
}

/**
 * The slot of the session that is meant: of this id, or the only one that is active. The first one, when there is none.
 * @throws Failure `USAGE` when several are active and none is named; `DATA` when it may be that of a claim that cannot be
 *   read
 */
export async function slotOf(context: Context, id: string | null): Promise<Context> {
  const slots = slotsOf(context);
  if (slots.length === 1) return slots[0];
  const active: { readonly slot: Context; readonly session: SessionInfo }[] = [];
  const trouble = new Trouble();
  for (const slot of slots) {
    const session = await trouble.spare(() => sessionAt(slot));
    if (session !== null && (id === null || session.id === id)) active.push({ slot, session });
  }
  const [first, second] = active;
  const [unreadable] = trouble.found;
  // A slot that cannot be read hides nobody else, but it may have the one that is meant.
  if (first === undefined && unreadable !== undefined) throw unreadable;
  if (first === undefined) return slots[0];
  if (second === undefined || id !== null) return first.slot;
  const ids = active.map(({ session }) => session.id);
  throw new Failure("USAGE", `Which session? ${ids.join(", ")} are active: say its id (logs: --session ID)`, {
    facts: { sessions: ids },
    next: [{ does: "look", command: "holdfast status" }],
  });
}

/** The session that holds a slot, or that its keeper left without a word. */
async function sessionAt(slot: Context): Promise<SessionInfo | null> {
  const view = await slot.lock.look();
  const active = activeSession(view);
  if (active !== null || view.last === null || view.last.record.state === "released") return active?.session ?? null;
  return readableHold(view.last)?.session ?? null;
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
