import { escapeControl } from "../../home/names.ts";
import type { ProcessEntry } from "../../process/table.ts";
import { alignColumns } from "./columns.ts";
import { commandText } from "./command-line.ts";
import { bytesText, durationText, momentText, secondsSince } from "./quantities.ts";
import { indent, separator, type Style } from "./style.ts";

const header = ["PID", "UPTIME", "MEMORY", "CPU", "TTY", "USER", "STARTED"];
const minimumWidths = [8, 9, 10, 6, 8, 9, 11];

export interface ProcessTableOptions {
  /** The agent's own PID, as the session recorded it. */
  readonly recordedPid: number | null;
  /** Those that holdfast will not signal: only the session's claim says that they are its own. */
  readonly unproven?: readonly ProcessEntry[];
  /** Whether to show the command lines: where several programs may be listed. */
  readonly commands: boolean;
}

/** Processes as a table, a header first. */
export function processTable(
  processes: readonly ProcessEntry[],
  options: ProcessTableOptions,
  style: Style,
): readonly string[] {
  const rows = processes.map((entry) => [...factsOf(entry, style), ...remarksOn(entry, options, style)]);
  const [head = "", ...lines] = alignColumns(
    [options.commands ? [...header, "COMMAND"] : header, ...rows],
    minimumWidths,
  );
  return [style.paint.dim(head), ...lines].map(indent);
}

function factsOf(entry: ProcessEntry, { now }: Style): readonly string[] {
  return [
    String(entry.pid),
    durationText(secondsSince(entry.startedAt, now)),
    bytesText(entry.residentBytes),
    `${entry.cpuPercent.toFixed(1)}%`,
    escapeControl(entry.tty ?? "-"),
    escapeControl(entry.user),
    momentText(entry.startedAt, now),
  ];
}

function remarksOn(
  entry: ProcessEntry,
  { recordedPid, unproven = [], commands }: ProcessTableOptions,
  style: Style,
): readonly string[] {
  const remarks = [
    ...(entry.pid === recordedPid ? ["recorded"] : []),
    ...(unproven.includes(entry) && entry.state !== "zombie" ? ["not proven"] : []),
    ...(entry.state === "stopped" || entry.state === "zombie" ? [entry.state] : []),
  ].join(separator);
  return commands ? [commandText(entry.command, style), remarks] : [remarks];
}
