import { isAbsolute, relative } from "node:path";
import { escapeControl } from "../../home/names.ts";
import type { Client } from "../../session/clients.ts";
import type { SessionState } from "../../session/find-live.ts";
import type { SessionInfo } from "../../session/session-info.ts";
import { actorText } from "./actor-text.ts";
import { alignColumns } from "./columns.ts";
import { durationText, secondsSince } from "./quantities.ts";
import { counted, indent, separator, type Style } from "./style.ts";

/** What the first line of a session's card tells beside its id. */
export interface CardFacts {
  /** `active for`, `starting for` */
  readonly phrase: string;
  readonly activeSeconds: number;
  readonly token: number;
  readonly clients: number;
}

/** How a card begins: for how long it stands so. */
export const statePhrases: Readonly<Record<SessionState, string>> = {
  active: "active for",
  starting: "starting for",
  restarting: "restarting, active for",
  ending: "ending, active for",
  orphaned: "orphaned, running for",
};

/** `active for 19m 58s · token 42 · 2 clients · started by dev on pts/0` */
export function cardFacts(session: SessionInfo, facts: CardFacts): string {
  return [
    `${facts.phrase} ${durationText(facts.activeSeconds)}`,
    `token ${facts.token}`,
    ...(session.slots === 1 ? [] : [`slot ${session.slot} of ${session.slots}`]),
    facts.clients === 0 ? "no clients" : counted(facts.clients, "client"),
    ...(session.mode === "foreground" ? ["in the foreground"] : []),
    `started by ${actorText(session.by)}`,
  ].join(separator);
}

/** `ci (PID 30110, for 2m 1s)`, one each. */
export function clientTexts(clients: readonly Client[], now: Date): readonly string[] {
  return clients.map(({ name, process, joined_at: since }) => {
    return `${escapeControl(name)} (PID ${process.pid}, for ${durationText(secondsSince(since, now))})`;
  });
}

/** A labelled fact of a card; more than one text: one below the other. */
export type LabelledRow = readonly [label: string, texts: readonly string[]];

const labelWidth = "operations  ".length;

/** One line for each text, indented, the label before the first one. The texts of all rows begin in one column. */
export function labelledRows(rows: readonly LabelledRow[], { paint }: Style): readonly string[] {
  const cells = rows.flatMap(([label, texts]) => texts.map((text, line) => [line === 0 ? label : "", text]));
  return alignColumns(cells, [labelWidth]).map((line) => {
    const split = Math.max(labelWidth, ...rows.map(([label]) => label.length + 2));
    return indent(paint.dim(line.slice(0, split)) + line.slice(split));
  });
}

/** Relative to the current directory if it is below it, else as it is. */
export function pathText(path: string, { cwd }: Style): string {
  const short = relative(cwd, path);
  return escapeControl(short === "" || isAbsolute(short) || /^\.\.(?:[\\/]|$)/.test(short) ? path : short);
}
