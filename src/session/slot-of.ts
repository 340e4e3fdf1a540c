import { Failure } from "../failure.ts";
import type { Context } from "./context.ts";
import { findLive } from "./find-live.ts";
import { slotsOf } from "./slots.ts";
import { Trouble } from "./trouble.ts";

/**
 * The slot of the session that is meant: of this id, or the only one that lives. The first one, when there is none.
 * @param uid only of this very session: several may have one id
 * @throws Failure `USAGE` when several live and none is named; `DATA` when it may be that of a claim that cannot be read
 */
export async function slotOf(context: Context, id: string | null, uid?: string): Promise<Context> {
  const slots = slotsOf(context);
  if (slots.length === 1) return slots[0];
  const found: { readonly slot: Context; readonly id: string }[] = [];
  const trouble = new Trouble();
  for (const slot of slots) {
    const live = await trouble.spare(async () => findLive(slot, await slot.lock.look(), trouble));
    for (const { session } of live ?? []) {
      const isMeant = (id === null || session.id === id) && (uid === undefined || session.uid === uid);
      if (isMeant) found.push({ slot, id: session.id });
    }
  }
  const [first, second] = found;
  // A slot that cannot be read hides nobody else, but it may have the one that is meant.
  if (first === undefined && trouble.hidden !== null) throw trouble.hidden;
  if (first === undefined) return slots[0];
  if (second === undefined || id !== null) return first.slot;
  const ids = found.map((each) => each.id);
  throw new Failure("USAGE", `Which session? ${ids.join(", ")} are active: name one of them`, {
    facts: { sessions: ids },
    next: [{ does: "look", command: "holdfast status" }],
  });
}
