import { escapeControl } from "../../home/names.ts";
import { stopCall } from "../../session/owners.ts";
import type { HolderCard } from "../../session/refusals.ts";
import { onThisLock } from "./on-this-lock.ts";
import type { WaitingNotice } from "./presenter.ts";
import { durationText, secondsSince } from "./quantities.ts";
import { pidText } from "./pid-text.ts";
import { separator, type Style } from "./style.ts";
import { commandText } from "./command-line.ts";

const fewColumns = 60;

/**
 * `⏳ nightly waits 3m · next in line · demo holds the lock for 19m 58s (dev@build1 pts/0, PID 29625) · node engine.js ·
 * last output 2s ago`
 * @param columns what there is room for; where that is little, for whom it waits comes first, and its own id nowhere
 */
export function waitingLine(notice: WaitingNotice, style: Style, columns = Number.POSITIVE_INFINITY): string {
  const { id, position, holder, alsoHeldBy, waitedSeconds } = notice;
  const isNarrow = columns < fewColumns;
  const waited = waitedSeconds < 1 ? "" : ` ${durationText(waitedSeconds)}`;
  const facts = [`⏳ ${isNarrow ? "" : `${escapeControl(id)} `}waits${waited}`];
  const place = placeText(position);
  if (holder === null) return [...facts, place].join(separator);
  const phrase = holderPhrase(holder, alsoHeldBy, style);
  facts.push(...(isNarrow ? [phrase, place] : [place, phrase]), commandText(holder.command, style));
  if (holder.last_output_at !== null) {
    facts.push(`last output ${durationText(secondsSince(holder.last_output_at, style.now))} ago`);
  }
  return facts.join(separator);
}

/** `next in line`, `2 ahead in line` */
export function placeText(position: number): string {
  return position === 1 ? "next in line" : `${position - 1} ahead in line`;
}

/**
 * `demo holds the lock for 19m 58s (dev@build1 pts/0, PID 29625)`, `demo is ending, and holds the lock …`; an orphan is
 * called one, with what helps.
 */
export function holderPhrase(holder: HolderCard, others: readonly string[], style: Style): string {
  const tty = holder.tty === null ? "" : ` ${holder.tty}`;
  const pid = holder.pid === null ? "" : `, ${pidText(holder.pid, holder)}`;
  const who = escapeControl(`${holder.user}@${holder.host}${tty}${pid}`);
  const id = escapeControl(holder.id);
  const duration = durationText(holder.held_seconds);
  const also = others.length === 0 ? "" : `, and so ${others.length === 1 ? "does" : "do"} ${others.join(", ")}`;
  const ending = holder.ending ? "is ending, and " : "";
  if (!holder.orphaned) return `${id} ${ending}holds the lock for ${duration} (${who})${also}`;
  const stop = escapeControl(onThisLock(stopCall(style, holder), style.invocation));
  // First what helps: a terminal has not always room for the rest.
  return `${id} is in the way: ${stop} ends it (its keeper is dead, ${who}, for ${duration})`;
}
