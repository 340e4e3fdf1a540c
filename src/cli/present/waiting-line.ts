import { escapeControl } from "../../home/names.ts";
import { durationText } from "./quantities.ts";
import type { WaitingNotice } from "./presenter.ts";
import { separator } from "./style.ts";

/** `⏳ nightly waits 3m · next in line · demo holds the lock for 19m 58s (dev@build1 pts/0, PID 29625)` */
export function waitingLine({ id, position, holder, waitedSeconds }: WaitingNotice): string {
  const waited = waitedSeconds < 1 ? "" : ` ${durationText(waitedSeconds)}`;
  const place = position === 1 ? "next in line" : `${position - 1} ahead in line`;
  const facts = [`⏳ ${escapeControl(id)} waits${waited}`, place];
  if (holder !== null) {
    const tty = holder.tty === null ? "" : ` ${holder.tty}`;
    const pid = holder.pid === null ? "" : `, PID ${holder.pid}`;
    const who = escapeControl(`${holder.user}@${holder.host}${tty}${pid}`);
    facts.push(`${escapeControl(holder.id)} holds the lock for ${durationText(holder.held_seconds)} (${who})`);
  }
  return facts.join(separator);
}
