import { stripVTControlCharacters } from "node:util";
import type { Failure, FailureFacts } from "../../failure.ts";
import { escapeControl } from "../../home/names.ts";
import type { HolderCard } from "../../session/refusals.ts";
import { alignColumns } from "./columns.ts";
import { commandText } from "./command-line.ts";
import { howText } from "./ending-text.ts";
import { nextSteps } from "./next-steps.ts";
import { skippedText } from "./outcome-text.ts";
import { pidText } from "./pid-text.ts";
import { adviceOn } from "./errno-advice.ts";
import { durationText, momentText, secondsSince } from "./quantities.ts";
import { indent, separator, type Style } from "./style.ts";

const longestList = 5;
const longestTrace = 5;

/**
 * What happened, to whom, and what to type next.
 * @param hints false leaves out what to type next
 */
export function failureCard(failure: Failure, style: Style, hints: boolean): readonly string[] {
  const [first = "", ...more] = failure.message.split("\n").map((line) => escapeControl(line));
  const details = [...holderLines(failure.facts, style), ...commandLines(failure.facts, style)];
  const rest = [
    ...processLines(failure.facts, style),
    ...outputLines(failure.facts, style),
    ...skippedLines(failure.facts, style),
    ...pathLines(failure),
  ];
  return [
    `${style.paint.red("✖")} ${style.paint.bold(first)}`,
    ...[...more, ...details, ...rest, ...traceLines(failure, style)].map(indent),
    ...(hints ? nextSteps(adviceOn(failure), style) : []),
  ];
}

/** `node engine.js · PID 29625 · dev@build1 pts/0 · 19m 58s · last output 2s ago` */
function holderLines({ holder }: FailureFacts, style: Style): readonly string[] {
  return isHolder(holder) ? [holderText(holder, style)] : [];
}

function holderText(holder: HolderCard, style: Style): string {
  const where = escapeControl(`${holder.user}@${holder.host}${holder.tty === null ? "" : ` ${holder.tty}`}`);
  return [
    commandText(holder.command, style),
    ...(holder.pid === null ? [] : [pidText(holder.pid, holder)]),
    where,
    ...(holder.owner === null ? [] : [`owner ${escapeControl(holder.owner)}`]),
    durationText(holder.held_seconds),
    ...(holder.orphaned ? ["its keeper is dead"] : []),
    ...(holder.last_output_at === null
      ? []
      : [`last output ${durationText(secondsSince(holder.last_output_at, style.now))} ago`]),
  ].join(separator);
}

/** The command that failed, or the two that do not go together. */
function commandLines(facts: FailureFacts, style: Style): readonly string[] {
  const { active_command: active, wanted_command: wanted, command } = facts;
  if (isCommand(active) && isCommand(wanted)) {
    return alignColumns([
      ["active", commandText(active, style)],
      ["wanted", commandText(wanted, style)],
    ]);
  }
  return isCommand(command) ? [commandText(command, style)] : [];
}

/** `PID 29640  node worker.js  dev  since 10:34:04` or, when it was ended, how. */
function processLines({ processes }: FailureFacts, style: Style): readonly string[] {
  if (!Array.isArray(processes)) return [];
  const known = processes.filter((process) => isProcess(process));
  const rows = known.slice(0, longestList).map(({ pid, command, user, started_at: started, how }) => {
    const remark = typeof how === "string" ? howText(how) : sinceText(started, style);
    const who = typeof user === "string" ? escapeControl(user) : "";
    return [`PID ${pid}`, commandText(command, style), who, remark].filter((cell) => cell !== "");
  });
  const others = known.length - rows.length;
  return [...alignColumns(rows), ...(others > 0 ? [`… and ${others} more`] : [])];
}

function sinceText(started: unknown, { now }: Style): string {
  if (typeof started !== "string") return "";
  return `since ${momentText(started, now)} (${durationText(secondsSince(started, now))})`;
}

/** The agent's last lines, as they would have looked, with a bar that sets them apart from our own words. */
function outputLines({ output }: FailureFacts, { paint }: Style): readonly string[] {
  if (typeof output !== "string" || output.trim() === "") return [];
  return stripVTControlCharacters(output)
    .trimEnd()
    .split(/\r*\n/)
    .map((line) => line.slice(line.lastIndexOf("\r") + 1).replaceAll("\t", "    "))
    .map((line) => `${paint.dim("│")} ${escapeControl(line)}`.trimEnd());
}

function skippedLines({ skipped_bytes: skipped }: FailureFacts, style: Style): readonly string[] {
  return typeof skipped === "number" ? skippedText(skipped, style) : [];
}

/** The path, unless the message names it already. */
function pathLines({ message, facts: { path } }: Failure): readonly string[] {
  return typeof path === "string" && !message.includes(path) ? [escapeControl(path)] : [];
}

/** Where a bug is; other failures tell it only when everything was asked for. */
function traceLines({ code, cause, facts }: Failure, { paint, verbose }: Style): readonly string[] {
  const stack = cause instanceof Error ? cause.stack : undefined;
  const trace = typeof facts["trace"] === "string" ? facts["trace"] : stack;
  if (trace === undefined || (code !== "INTERNAL" && !verbose)) return [];
  const lines = trace.split("\n").map((line) => paint.dim(escapeControl(line)));
  const shown = verbose ? lines : lines.slice(0, longestTrace);
  return code === "INTERNAL" ? [...shown, "Please report it, with these lines and what you typed."] : shown;
}

function isFacts(value: unknown): value is FailureFacts {
  return typeof value === "object" && value !== null;
}

function isCommand(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === "string");
}

/** Facts are loose by type; the holder is put among them in one place, `holderCard`. */
function isHolder(value: unknown): value is HolderCard {
  return isFacts(value) && isCommand(value["command"]) && typeof value["held_seconds"] === "number";
}

interface ProcessFacts extends FailureFacts {
  readonly pid: number;
  readonly command: string;
}

function isProcess(value: unknown): value is ProcessFacts {
  return isFacts(value) && typeof value["pid"] === "number" && typeof value["command"] === "string";
}
