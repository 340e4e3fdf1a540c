import type { NextStep } from "../../failure.ts";
import { isStateElsewhere } from "../../home/locate.ts";
import { escapeControl } from "../../home/names.ts";
import { shellWord } from "../../home/shell-word.ts";
import type { ListedEnded, ListedLive, ListedSession, ListedWaiter, Listing } from "../../session/list.ts";
import { alignColumns } from "./columns.ts";
import { commandText } from "./command-line.ts";
import { endingWord } from "./ending-text.ts";
import { durationText, momentText } from "./quantities.ts";
import type { Style } from "./style.ts";

/** A session as a row tells it. */
interface Row {
  readonly id: string;
  readonly state: string;
  /** How long it has lasted, or did. */
  readonly for: string;
  readonly when: string;
  readonly lock: string;
  readonly command: readonly string[];
}

const facts = ["id", "state", "for", "when"] as const;

/**
 * Sessions as a table; the lock only where there are several.
 * @param fit cuts a line to the width there is
 */
export function listText(
  { sessions, locks, more }: Listing,
  style: Style,
  fit: (line: string) => string,
): readonly string[] {
  // With `-n 0` there may be some: then it prints nothing, as `git log -n 0` does.
  if (sessions.length === 0) return more ? [] : ["No sessions"];
  const rows = sessions.map((session) => rowOf(session, style));
  const columns = locks.length > 1 ? [...facts, "lock" as const] : facts;
  const cells = [
    [...columns.map((column) => column.toUpperCase()), "COMMAND"],
    ...rows.map((row) => columns.map((column) => escapeControl(row[column])).concat(commandText(row.command, style))),
  ];
  const [head = "", ...lines] = alignColumns(cells).map(fit);
  return [
    style.paint.dim(head),
    ...lines.map((line, index) => (isOrphaned(sessions[index]) ? style.paint.yellow(line) : line)),
  ];
}

/** The same, below the directory of each; of which nothing is shown where there is nothing. */
export function everywhereText(
  listings: readonly Listing[],
  style: Style,
  fit: (line: string) => string,
): readonly string[] {
  const shown = listings.filter(({ sessions }) => sessions.length > 0);
  if (shown.length === 0) return listings.some(({ more }) => more) ? [] : ["No sessions"];
  const lines: string[] = [];
  for (const listing of shown) {
    if (lines.length > 0) lines.push("");
    lines.push(style.paint.bold(escapeControl(placeText(listing))), ...listText(listing, style, fit));
  }
  return lines;
}

/** `-C` alone does not lead to a state that is elsewhere. */
function placeText({ directory: root, stateDirectory: state }: Listing): string {
  return isStateElsewhere({ root, state }) ? `${root}  HOLDFAST_STATE_DIR=${shellWord(state)}` : root;
}

/** Where the rest of the ended sessions are, or how to begin where there is nothing. */
export function afterList(listing: Listing): readonly NextStep[] {
  const { sessions, more, trouble, toStart } = listing;
  if (sessions.length === 0 && !more && trouble.length === 0) return [toStart];
  return seeMore("list", [listing]);
}

/** Where the rest of the ended sessions are; nothing when all are shown. */
export function afterEverywhere(listings: readonly Listing[]): readonly NextStep[] {
  return seeMore("list --everywhere", listings);
}

function seeMore(call: string, listings: readonly Listing[]): readonly NextStep[] {
  const short = listings.filter(({ more }) => more);
  const ended = short.map(({ sessions }) => sessions.filter(({ kind }) => kind === "ended").length);
  if (short.length === 0) return [];
  return [{ does: "see more", command: `holdfast ${call} --ended -n ${Math.max(1, ...ended) * 5}` }];
}

function rowOf(listed: ListedSession, style: Style): Row {
  switch (listed.kind) {
    case "queued":
      return waiterRow(listed, style);
    case "live":
      return liveRow(listed, style);
    case "ended":
      return endedRow(listed, style);
  }
}

function waiterRow({ lock, entry }: ListedWaiter, { now }: Style): Row {
  return {
    id: entry.waiter?.id ?? `PID ${entry.pid}`,
    state: `queued ${entry.position}`,
    for: durationText(entry.waitingSeconds),
    when: `queued ${momentText(entry.since, now)}`,
    lock,
    command: entry.waiter?.command ?? [],
  };
}

function liveRow({ lock, state, session, activeSeconds }: ListedLive, { now }: Style): Row {
  const when = `started ${momentText(session.created_at, now)}`;
  return { id: session.id, state, for: durationText(activeSeconds), when, lock, command: session.command };
}

function endedRow({ record: { lock, session, end } }: ListedEnded, { now }: Style): Row {
  return {
    id: session.id,
    state: endingWord(end),
    for: durationText(end.duration_seconds),
    when: `ended ${momentText(end.ended_at, now)}`,
    lock: lock ?? "-",
    command: session.command,
  };
}

function isOrphaned(listed: ListedSession | undefined): boolean {
  return listed?.kind === "live" && listed.state === "orphaned";
}
