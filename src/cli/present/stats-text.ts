import type { NextStep } from "../../failure.ts";
import { escapeControl } from "../../home/names.ts";
import type { Tally } from "../../session/day-tally.ts";
import { hasTooManyOrphans, orphansAmong, type LiveNow, type Stats } from "../../session/stats.ts";
import { alignColumns } from "./columns.ts";
import { displayWidth } from "./display-width.ts";
import { reasonWord } from "./ending-text.ts";
import { dayText, durationText, momentText } from "./quantities.ts";
import { labelledRows, type LabelledRow } from "./session-card.ts";
import { counted, indent, type Style } from "./style.ts";

const head: DayRow = { facts: ["DAY", "SESSIONS", "ACTIVE", "AVERAGE", "LONGEST", "ORPHANED"], ways: ["ENDED"] };

/**
 * Days as a table with their total, and what lives now.
 * @param columns the width there is; undefined: any
 */
export function statsText(result: Stats, style: Style, columns: number | undefined): readonly string[] {
  const { days, total } = result;
  const rows = [head, ...days.map((day) => rowOf(dayText(day.from), day)), rowOf("total", total)];
  const [first = [], ...blocks] = tableOf(rows, columns);
  const last = blocks.pop() ?? [];
  const below = labelledRows(nowRows(result, style), style);
  return [
    ...first.map(style.paint.dim),
    ...blocks.flat(),
    ...last.map(style.paint.bold),
    ...(below.length === 0 ? [] : ["", ...below]),
    ...(hasTooManyOrphans(result) ? ["", alarm(result, style)] : []),
  ];
}

/** What to do about orphans. */
export function afterStats(result: Stats): readonly NextStep[] {
  return orphansAmong(result).length === 0 ? [] : [{ does: "end orphans", command: "holdfast cleanup --orphans" }];
}

interface DayRow {
  readonly facts: readonly string[];
  /** How its sessions ended. */
  readonly ways: readonly string[];
}

/** The lines of each row: one where there is room, else the ways below the facts, on as many as they take. */
function tableOf(rows: readonly DayRow[], columns: number | undefined): readonly (readonly string[])[] {
  const wide = alignColumns(rows.map(({ facts, ways }) => [...facts, ways.join(", ")]));
  if (columns === undefined || wide.every((line) => displayWidth(line) <= columns)) return wide.map((line) => [line]);
  const narrow = alignColumns(rows.map(({ facts }) => facts));
  return rows.map(({ ways }, index) => [narrow[index] ?? "", ...wrapped(ways, columns)]);
}

/** Indented, with commas between them, on lines of so many columns. */
function wrapped(words: readonly string[], columns: number): readonly string[] {
  const lines: string[] = [];
  for (const [index, word] of words.entries()) {
    const text = index === words.length - 1 ? word : `${word},`;
    const longer = `${lines.at(-1) ?? ""} ${text}`;
    if (lines.length > 0 && displayWidth(longer) <= columns) lines[lines.length - 1] = longer;
    else lines.push(indent(text));
  }
  return lines;
}

function rowOf(name: string, tally: Tally): DayRow {
  const { sessions, live, averageSeconds, longest, orphaned } = tally;
  const average = averageSeconds === null ? "-" : durationText(averageSeconds);
  const most = longest === null ? "-" : durationText(longest.seconds);
  return { facts: [name, String(sessions), figure(live), average, most, figure(orphaned)], ways: waysOf(tally) };
}

/** Nothing is not worth a digit that one has to read. */
function figure(count: number): string {
  return count === 0 ? "-" : String(count);
}

/** `9 exit 0`, `2 failed`, `1 lost`: the most first. */
function waysOf({ ended, failed, unknown }: Tally): readonly string[] {
  const ways = [...ended].flatMap(([reason, count]): (readonly [string, number])[] =>
    reason === "exited"
      ? [
          ["exit 0", count - failed - unknown],
          ["failed", failed],
          ["exited", unknown],
        ]
      : [[reasonWord(reason), count]],
  );
  return ways
    .filter(([, count]) => count > 0)
    .toSorted((a, b) => b[1] - a[1])
    .map(([way, count]) => `${count} ${escapeControl(way)}`);
}

function nowRows(result: Stats, { now }: Style): readonly LabelledRow[] {
  const nameOf = namer(result.locks.length > 1);
  const orphans = orphansAmong(result);
  const { longest } = result.total;
  const rows: readonly LabelledRow[] = [
    [
      "active",
      liveTexts(
        result.live.filter((each) => !orphans.includes(each)),
        nameOf,
      ),
    ],
    ["orphaned", liveTexts(orphans, nameOf)],
    [
      "longest",
      longest === null
        ? []
        : [`${nameOf(longest)} for ${durationText(longest.seconds)}, ended ${momentText(longest.endedAt, now)}`],
    ],
  ];
  return rows.filter(([, texts]) => texts.length > 0);
}

const mostNamed = 5;

/** The oldest first. */
function liveTexts(live: readonly LiveNow[], nameOf: Namer): readonly string[] {
  const named = live.slice(0, mostNamed).map((each) => `${nameOf(each)} for ${durationText(each.activeSeconds)}`);
  return live.length > mostNamed ? [...named, `and ${live.length - mostNamed} more`] : named;
}

type Namer = (session: { readonly id: string; readonly lock: string }) => string;

/** @param withLock where there are several */
function namer(withLock: boolean): Namer {
  return ({ id, lock }) => escapeControl(withLock ? `${id} (${lock})` : id);
}

function alarm(result: Stats, { paint }: Style): string {
  const orphans = orphansAmong(result).length;
  return paint.yellow(`🚨 ${counted(orphans, "orphan")}, more than --max-orphans ${result.maxOrphans} allows`);
}
