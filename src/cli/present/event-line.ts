import { escapeControl } from "../../home/names.ts";
import type { AnyEvent, EventKind, EventNamed } from "../../journal/event.ts";
import { isKnownEvent } from "../../journal/parse-event.ts";
import { actorName, actorText } from "./actor-text.ts";
import { commandText } from "./command-line.ts";
import { endingSymbol, endingText } from "./ending-text.ts";
import { oneLine } from "./one-line.ts";
import { bytesText, durationText, timestampText } from "./quantities.ts";
import { counted, type Style } from "./style.ts";

/** A symbol and a sentence. */
type Told = readonly [symbol: string, sentence: string];
type Tellers = { readonly [Kind in EventKind]: (event: EventNamed<Kind>, style: Style) => Told };

/** One event as one line: `[2025-06-29 10:34:03] 🔒 demo  lock taken (token 42) by dev on pts/0`. */
export function eventLine(event: AnyEvent, style: Style): string {
  const [symbol, sentence] = isKnownEvent(event) ? tell(event, style) : tellUnknown(event);
  const subject = event.session === undefined ? "" : `${style.paint.bold(escapeControl(event.session))}  `;
  return `${style.paint.dim(`[${timestampText(event.time)}]`)} ${symbol} ${subject}${sentence}`;
}

function tell<Kind extends EventKind>(event: EventNamed<Kind>, style: Style): Told {
  return tellers[event.event](event, style);
}

/** Of a kind that only a newer holdfast knows, its name and what it says in words and numbers. */
function tellUnknown(event: AnyEvent): Told {
  const known = new Set([
    "schema_version",
    "time",
    "event",
    "lock",
    "session",
    "uid",
    "token",
    "by",
    "truncated",
    "newer",
  ]);
  const facts = Object.entries(event)
    .filter(([name, value]) => !known.has(name) && ["string", "number", "boolean"].includes(typeof value))
    .map(([name, value]) => `${name} ${String(value)}`);
  const newer = event.newer === true ? " (written by a newer holdfast)" : "";
  return ["❔", escapeControl([`${event.event}${newer}${byText(event)}`, ...facts].join(", "))];
}

const tellers: Tellers = {
  claimed: (event) => {
    const token = event.token === undefined ? "" : ` (token ${event.token})`;
    return ["🔒", `lock taken${token}${event.by === undefined ? "" : ` by ${actorText(event.by)}`}${noteText(event)}`];
  },
  started: ({ command, pid }, style) => ["✅", `agent started: ${commandText(command, style)} (PID ${pid})`],
  start_failed: ({ reason, message }) => ["❌", `agent did not start: ${oneLine(message)} (${oneLine(reason)})`],
  ready: ({ after_seconds: seconds }) => [
    "✅",
    seconds === undefined ? "ready" : `ready after ${durationText(seconds)}`,
  ],
  restarted: (event) => {
    const how = exitFacts(event.exit_code ?? null, event.signal ?? null);
    return [
      "🔁",
      `agent started again (restart ${event.restarts}, PID ${event.pid})${how === "" ? "" : ` after ${how}`}`,
    ];
  },
  joined: ({ client }) => ["🤝", `joined by ${oneLine(client.name)} (PID ${client.pid})`],
  left: ({ client, reason }) => {
    const who = `${oneLine(client.name)} (PID ${client.pid})`;
    if (reason === "left") return ["👋", `left by ${who}`];
    return ["👋", reason === "gone" ? `client ${who} is gone` : `client ${who} left with the session`];
  },
  typed: (event) => ["💬", `${counted(event.lines, "line")} typed into its terminal${byText(event)}`],
  stop_requested: (event) => {
    const signal = event.signal === undefined ? "" : ` with ${oneLine(event.signal)}`;
    return ["✋", `stop requested${byText(event)}${signal}${becauseOf(event.reason)}`];
  },
  ended: (event) => {
    const said = "stop_reason" in event && typeof event.stop_reason === "string" ? event.stop_reason : null;
    return [endingSymbol(event), endingText(event, event.by ?? null, event.message ?? said)];
  },
  process_ended: ({ command, pid, how, why }, style) => [
    "🧹",
    `process ended: ${commandText(command, style)} (PID ${pid}, ${oneLine(how)})${becauseOf(why)}`,
  ],
  cleaned: (event) => [
    "🧹",
    `cleaned${byText(event)}: ${oneLine(event.what)}, ${oneLine(event.result)}${becauseOf(event.why)}`,
  ],
  removed: ({ why }) => ["🧹", `forgotten${becauseOf(why)}`],
  queued: (event, style) => {
    const place = event.position === undefined ? "" : ` at place ${event.position}`;
    const command = event.command === undefined ? "" : `: ${commandText(event.command, style)}`;
    return ["⏳", `in line${place}${byText(event)}${command}${noteText(event)}`];
  },
  unqueued: ({ reason }) => ["⏳", `left the line${becauseOf(reason)}`],
  orphaned: ({ processes }) => {
    const pids = processes.length === 0 ? "" : ` (PID ${processes.map(({ pid }) => pid).join(", ")})`;
    const live = processes.length === 1 ? "lives" : "live";
    return [
      "🚨",
      `orphaned: its keeper is dead, ${counted(processes.length, "process", "processes")} ${live} on${pids}`,
    ];
  },
  output_cut: ({ limit_bytes: limit, first_byte: first }) => [
    "🧹",
    `output passed its limit of ${bytesText(limit)}: the first ${bytesText(first)} are gone, from now on the newest is kept`,
  ],
  output_not_cut: ({ limit_bytes: limit, reason }) => [
    "🚨",
    `output passed its limit of ${bytesText(limit)} and cannot be cut, so all of it is kept${becauseOf(reason)}`,
  ],
  lock_lost: ({ reason }) => ["🚨", `lock lost${becauseOf(reason)}`],
  lock_restored: ({ reason }) => ["🔒", `lock restored${becauseOf(reason)}`],
  hook_failed: (event) => {
    const how = exitFacts(event.exit_code, event.signal);
    return ["🚨", `hook ${oneLine(event.hook)} failed${how === "" ? "" : ` (${how})`}${becauseOf(event.message)}`];
  },
};

function byText(event: Pick<AnyEvent, "by">): string {
  return event.by === undefined ? "" : ` by ${actorName(event.by)}`;
}

function noteText({ note }: { readonly note?: string }): string {
  return becauseOf(note);
}

function becauseOf(why: string | undefined): string {
  return why === undefined || why === "" ? "" : `: ${oneLine(why)}`;
}

function exitFacts(code: number | null, signal: string | null): string {
  if (signal !== null) return oneLine(signal);
  return code === null ? "" : `exit ${code}`;
}
