import { escapeControl } from "../../home/names.ts";
import { stopCommand } from "../../session/owners.ts";
import type { HolderCard } from "../../session/refusals.ts";
import { onThisLock } from "./on-this-lock.ts";
import type { WaitingNotice } from "./presenter.ts";
import { durationText, secondsSince } from "./quantities.ts";
import { pidText } from "./pid-text.ts";
import { separator, type Style } from "./style.ts";
import { commandText } from "./command-line.ts";

/**
 * `⏳ nightly waits 3m · next in line · demo holds the lock for 19m 58s (dev@build1 pts/0, PID 29625) · node engine.js ·
 * last output 2s ago`
 */
export function waitingLine({ id, position, holder, alsoHeldBy, waitedSeconds }: WaitingNotice, style: Style): string {
  const waited = waitedSeconds < 1 ? "" : ` ${durationText(waitedSeconds)}`;
  const facts = [`⏳ ${escapeControl(id)} waits${waited}`, placeText(position)];
  if (holder !== null) {
    facts.push(holderPhrase(holder, alsoHeldBy, style), commandText(holder.command, style));
    if (holder.last_output_at !== null) {
      facts.push(`last output ${durationText(secondsSince(holder.last_output_at, style.now))} ago`);
    }
  }
  return facts.join(separator);
}

/** `next in line`, `2 ahead in line` */
export function placeText(position: number): string {
  return position === 1 ? "next in line" : `${position - 1} ahead in line`;
}

/** `demo holds the lock for 19m 58s (dev@build1 pts/0, PID 29625)`; an orphan is called one, with what helps. */
export function holderPhrase(holder: HolderCard, others: readonly string[], style: Style): string {
  const tty = holder.tty === null ? "" : ` ${holder.tty}`;
  const pid = holder.pid === null ? "" : `, ${pidText(holder.pid, holder)}`;
  const who = `(${escapeControl(`${holder.user}@${holder.host}${tty}${pid}`)})`;
  const id = escapeControl(holder.id);
  const duration = durationText(holder.held_seconds);
  const also = others.length === 0 ? "" : `, and so ${others.length === 1 ? "does" : "do"} ${others.join(", ")}`;
  if (!holder.orphaned) return `${id} holds the lock for ${duration} ${who}${also}`;
  const stop = escapeControl(onThisLock(stopCommand(style, holder), style.invocation));
  return `${id} is in the way for ${duration}, its keeper is dead ${who}: ${stop} ends it`;
}
