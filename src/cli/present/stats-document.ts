import type { LongestSession, Tally } from "../../session/day-tally.ts";
import { hasTooManyOrphans, orphansAmong, type DayStats, type LiveNow, type Stats } from "../../session/stats.ts";
import { rounded, type Fields } from "./json-documents.ts";
import { dayText } from "./quantities.ts";

/** The oldest day comes first, and `since` is where it begins. `active` does without the orphaned. */
export function statsDocument(result: Stats): Fields {
  const { days, total, live, maxOrphans } = result;
  const orphaned = orphansAmong(result).length;
  return {
    days: days.length,
    since: days[0]?.from.toISOString() ?? null,
    active: live.length - orphaned,
    orphaned,
    max_orphans: maxOrphans,
    too_many_orphans: hasTooManyOrphans(result),
    live: live.map(liveNowDocument),
    total: tallyDocument(total),
    by_day: days.map(dayDocument),
  };
}

function liveNowDocument({ id, uid, lock, state, activeSeconds }: LiveNow): Fields {
  return { id, uid, lock, state, active_seconds: rounded(activeSeconds) };
}

function dayDocument(day: DayStats): Fields {
  return { day: dayText(day.from), from: day.from.toISOString(), ...tallyDocument(day) };
}

function tallyDocument(tally: Tally): Fields {
  const { sessions, live, averageSeconds, longest, ended, failed, unknown, orphaned } = tally;
  return {
    sessions,
    still_active: live,
    average_seconds: averageSeconds === null ? null : rounded(averageSeconds),
    longest: longest === null ? null : longestDocument(longest),
    ended: Object.fromEntries(ended),
    failed,
    unknown,
    orphaned,
  };
}

function longestDocument({ id, uid, lock, seconds, endedAt }: LongestSession): Fields {
  return { id, uid, lock, seconds: rounded(seconds), ended_at: endedAt };
}
