import { escapeControl } from "../../home/names.ts";
import type { Actor } from "../../journal/event.ts";
import { actorName } from "./actor-text.ts";
import { durationText } from "./quantities.ts";
import { counted } from "./style.ts";

/** What a session's record and its `ended` event both tell of its end. */
export interface Ending {
  /** One of this version's reasons, or a newer one's. */
  readonly reason: string;
  readonly duration_seconds: number;
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly processes: readonly { readonly how: string }[];
}

/** `stopped by dev after 6m 20s (exit 0, SIGTERM), 2 processes ended: deploying` */
export function endingText(ending: Ending, by: Actor | null, why: string | null): string {
  const after = durationText(ending.duration_seconds);
  const because = why === null || why === "" ? "" : `: ${escapeControl(why)}`;
  return `${whatHappened(ending.reason, after, by)}${exitText(ending)}${countText(ending)}${because}`;
}

/** An end in a word or two, for a table: `stopped`, `exit 0`, `SIGKILL`, `lost`. */
export function endingWord({ reason, exit_code: code, signal }: Omit<Ending, "processes">): string {
  const own = signal ?? (code === null ? null : `exit ${code}`);
  return ownMaking.has(reason) && own !== null ? own : reasonWord(reason);
}

/** A reason as a person says it: `time limit` for `max_time`. */
export function reasonWord(reason: string): string {
  return words.get(reason) ?? reason;
}

const words: ReadonlyMap<string, string> = new Map([
  ["max_time", "time limit"],
  ["idle_timeout", "silent"],
  ["start_failed", "not started"],
  ["lock_lost", "lock lost"],
]);

/** Ends of the agent's own making: what was ended with it are the processes that it left. */
const ownMaking: ReadonlySet<string> = new Set(["exited", "signalled", "killed"]);

function countText({ reason, processes }: Ending): string {
  const { length } = processes;
  if (ownMaking.has(reason)) return length === 0 ? "" : `, ${counted(length, "process", "processes")} it left ended`;
  return length > 1 ? `, ${length} processes ended` : "";
}

function whatHappened(reason: string, after: string, by: Actor | null): string {
  const whom = by === null ? "" : ` by ${actorName(by)}`;
  switch (reason) {
    case "exited":
      return `ended by itself after ${after}`;
    case "signalled":
    case "killed":
      return `killed from outside after ${after}`;
    case "stopped":
      return `stopped${whom} after ${after}`;
    case "max_time":
    case "timeout":
      return `ended after ${after}, its time limit`;
    case "idle_timeout":
      return `ended after ${after}: it was silent for too long`;
    case "lost":
      return `lost after ${after}: its keeper died without a word${by === null ? "" : ` (noticed${whom})`}`;
    case "lock_lost":
      return `ended after ${after}: its lock was lost`;
    case "start_failed":
      return "did not start";
    case "agents_running":
      return "did not start: agent processes were running already";
    default:
      return `ended (${escapeControl(reason)}) after ${after}`;
  }
}

/** The agent's exit, and the strongest signal it took to end its processes. */
function exitText({ exit_code: code, signal, processes, reason }: Ending): string {
  const ways = ownMaking.has(reason) ? [] : processes.map(({ how }) => how);
  const sent = ways.filter((how) => how.startsWith("SIG"));
  const asked = ways.includes("stop_command") ? "stop command" : undefined;
  const strongest = sent.includes("SIGKILL") ? "SIGKILL" : (sent[0] ?? asked);
  const facts = [code === null ? undefined : `exit ${code}`, signal ?? strongest].filter((fact) => fact !== undefined);
  return facts.length === 0 ? "" : ` (${facts.map((fact) => escapeControl(fact)).join(", ")})`;
}

const endingSymbols: ReadonlyMap<string, string> = new Map([
  ["stopped", "🛑"],
  ["max_time", "⏰"],
  ["timeout", "⏰"],
  ["idle_timeout", "⏰"],
  ["lost", "🚨"],
  ["lock_lost", "🚨"],
  ["start_failed", "❌"],
  ["agents_running", "❌"],
]);

/** How the agent of a launcher exited is not known: no reason for alarm. */
export function endingSymbol({ reason, exit_code: code }: Pick<Ending, "reason" | "exit_code">): string {
  const isClean = code === 0 || (code === null && reason === "exited");
  return endingSymbols.get(reason) ?? (isClean ? "🏁" : "💥");
}

/** `SIGTERM` as a person says it: how one process went. */
export function howText(how: string): string {
  if (how === "exited") return "went by itself";
  if (how === "stop_command") return "ended (stop command)";
  return how === "SIGKILL" ? "killed (SIGKILL)" : `ended (${escapeControl(how)})`;
}
