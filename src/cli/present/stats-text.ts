import type { NextStep } from "../../failure.ts";
import { escapeControl } from "../../home/names.ts";
import type { Tally } from "../../session/day-tally.ts";
import { hasTooManyOrphans, orphansAmong, type LiveNow, type Stats } from "../../session/stats.ts";
import { alignColumns } from "./columns.ts";
import { reasonWord } from "./ending-text.ts";
import { dayText, durationText, momentText } from "./quantities.ts";
import { labelledRows, type LabelledRow } from "./session-card.ts";
import { counted, type Style } from "./style.ts";

const head = ["DAY", "SESSIONS", "STILL ACTIVE", "AVERAGE", "LONGEST", "ORPHANED", "ENDED"];

/**
 * Days as a table with their total, and what lives now.
 * @param fit cuts a line to the width there is
 */
export function statsText(result: Stats, style: Style, fit: (line: string) => string): readonly string[] {
  const { days, total } = result;
  const cells = [head, ...days.map((day) => rowOf(dayText(day.from), day)), rowOf("total", total)];
  const [first = "", ...rows] = alignColumns(cells).map(fit);
  const last = rows.pop() ?? "";
  const below = labelledRows(nowRows(result, style), style);
  return [
    style.paint.dim(first),
    ...rows,
    style.paint.bold(last),
    ...(below.length === 0 ? [] : ["", ...below]),
    ...(hasTooManyOrphans(result) ? ["", alarm(result, style)] : []),
  ];
}

/** What to do about orphans. */
export function afterStats(result: Stats): readonly NextStep[] {
  return orphansAmong(result).length === 0 ? [] : [{ does: "end orphans", command: "holdfast cleanup --orphans" }];
}

function rowOf(name: string, tally: Tally): readonly string[] {
  const { sessions, live, averageSeconds, longest, orphaned } = tally;
  return [
    name,
    String(sessions),
    figure(live),
    averageSeconds === null ? "-" : durationText(averageSeconds),
    longest === null ? "-" : durationText(longest.seconds),
    figure(orphaned),
    endedText(tally),
  ];
}

/** Nothing is not worth a digit that one has to read. */
function figure(count: number): string {
  return count === 0 ? "-" : String(count);
}

/** `9 exit 0, 2 failed, 1 lost`: the most first. */
function endedText({ ended, failed, unknown }: Tally): string {
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
    .map(([way, count]) => `${count} ${escapeControl(way)}`)
    .join(", ");
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
