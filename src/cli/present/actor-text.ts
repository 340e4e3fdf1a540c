import { escapeControl } from "../../home/names.ts";
import type { Actor } from "../../journal/event.ts";

/** `ci`, or `dev` when nobody gave a name. */
export function actorName(actor: Actor): string {
  return escapeControl(actor.name ?? actor.user);
}

/** `dev on pts/0`; the host where there is no terminal. */
export function actorText(actor: Actor): string {
  return `${actorName(actor)} on ${escapeControl(actor.tty ?? actor.host)}`;
}
