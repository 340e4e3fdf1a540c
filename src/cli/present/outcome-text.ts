import type { NextStep } from "../../failure.ts";
import { escapeControl } from "../../home/names.ts";
import type { CleanupAction } from "../../session/cleanup-action.ts";
import type { Client } from "../../session/clients.ts";
import type { Joined } from "../../session/join.ts";
import type { SessionEnd } from "../../session/session-end.ts";
import type { Sent } from "../../session/send-text.ts";
import type { Queued, Started } from "../../session/start.ts";
import type { Stopped } from "../../session/stop.ts";
import type { Waited } from "../../session/wait.ts";
import { alignColumns } from "./columns.ts";
import { commandText } from "./command-line.ts";
import { onThisLock } from "./on-this-lock.ts";
import { pidText } from "./pid-text.ts";
import { endingSymbol, endingText, howText } from "./ending-text.ts";
import { bytesText, secondsSince, timestampText } from "./quantities.ts";
import type { Initialised } from "./presenter.ts";
import { cardFacts, clientTexts, labelledRows, pathText, statePhrases } from "./session-card.ts";
import { holderPhrase, placeText } from "./waiting-line.ts";
import { oneLine } from "./one-line.ts";
import { counted, indent, separator, type Style } from "./style.ts";

/** What runs now, or ran already. */
export function startedText({ session, token, joined }: Started, style: Style): readonly string[] {
  const facts = [
    joined ? "active already, joined" : "started",
    `token ${token}`,
    ...(session.agent === null ? [] : [`PID ${session.agent.pid}`]),
  ];
  return [
    headline(joined ? "🤝" : "🔒", session.id, facts.join(separator), style),
    indent(commandText(session.command, style)),
  ];
}

/** How to look, to read along or attach, and to stop it. With several slots the output is that of this one. */
export function afterStart({ session }: Started): readonly NextStep[] {
  return [
    { does: "look", command: "holdfast status" },
    session.tmux === null
      ? { does: "read along", command: `holdfast logs -o -f${session.slots === 1 ? "" : ` --session ${session.id}`}` }
      : { does: "attach", command: `holdfast join ${session.id}` },
    { does: "stop it", command: `holdfast stop ${session.id}` },
  ];
}

/** What waits in the background, and for whom. */
export function queuedText({ session, position, holder, alsoHeldBy }: Queued, style: Style): readonly string[] {
  const facts = ["waits in the background", placeText(position)];
  return [
    headline("⏳", session.id, facts.join(separator), style),
    indent(commandText(session.command, style)),
    ...(holder === null ? [] : [indent(holderPhrase(holder, alsoHeldBy, style))]),
  ];
}

/** How to look, to wait until it has run and ended, and to take it out of the line. */
export function afterQueue({ session }: Queued): readonly NextStep[] {
  return [
    { does: "look", command: "holdfast status" },
    { does: "wait for its end", command: `holdfast wait ${session.id}` },
    { does: "take it out", command: `holdfast stop ${session.id}` },
  ];
}

/** The session as a card, and its clients, the new one among them. */
export function joinedText({ active, state, where, client, clients }: Joined, style: Style): readonly string[] {
  const { session, claim } = active;
  const facts = cardFacts(session, {
    phrase: statePhrases[state],
    activeSeconds: secondsSince(session.created_at, style.now),
    token: claim.number,
    clients: clients.length,
  });
  const { agent } = session;
  const pid = agent === null ? "" : `${separator}${pidText(agent.pid, { where, host: agent.host })}`;
  return [
    headline("🤝", session.id, `joined as ${escapeControl(client.name)} (PID ${client.process.pid})`, style),
    indent(facts),
    indent(`${commandText(session.command, style)}${pid}`),
    ...labelledRows([["clients", [clientTexts(clients, style.now).join(separator)]]], style),
  ];
}

/** How many lines it was, and nothing of what they say. */
export function sentText({ session, lines }: Sent, style: Style): readonly string[] {
  return [headline("💬", session.id, `${counted(lines, "line")} typed into its terminal`, style)];
}

/** One line for each client; one that says so when nobody left. @param session null: whichever is active */
export function leftText(session: string | null, clients: readonly Client[], style: Style): readonly string[] {
  const from = session === null ? "the session" : escapeControl(session);
  if (clients.length === 0) return [`Nobody left ${from}: no such client is registered`];
  return clients.map(
    ({ name, process }) => `👋 ${style.paint.bold(escapeControl(name))} (PID ${process.pid}) left ${from}`,
  );
}

/** How it ended, and each of its processes that was ended or lives on; or who is not in line any more. */
export function stoppedText(stopped: Stopped, style: Style): readonly string[] {
  if (stopped.kind === "waiter") {
    return [headline("🛑", stopped.id, `taken out of the line (PID ${stopped.pid})`, style)];
  }
  const { session, end } = stopped;
  return [
    headline(endingSymbol(end), session.id, endingText(end, end.ended_by, end.stop_reason), style),
    ...endedLines(end, style),
  ];
}

const survivalTexts: Readonly<Record<SessionEnd["survivors"][number]["why"], string>> = {
  survived_sigkill: "survived SIGKILL",
  not_permitted: "may not be signalled",
  not_proven: "left alone: only the claim says that it is the session's",
  out_of_reach: "left alone: its session ran in another PID namespace",
};

/** Each process that was ended, and how; those that could not be last, where they are seen. */
function endedLines({ processes, survivors }: SessionEnd, style: Style): readonly string[] {
  const ended = alignColumns(
    processes.map(({ pid, command, how }) => [String(pid), commandText(command, style), howText(how)]),
    [8],
  );
  const still = survivors.map(({ pid, command, why }) => {
    return `${style.paint.yellow("⚠")} still runs: PID ${pid} ${commandText(command, style)} (${survivalTexts[why]})`;
  });
  return [...ended, ...still].map(indent);
}

/** How the session ended, or what has come. @param until as it was typed */
export function waitedText({ session, id, end, nextCursor }: Waited, until: string, style: Style): readonly string[] {
  if (until === "free") return ["✅ The lock is free"];
  const whose = session?.id ?? id;
  if (whose === undefined) return [`✅ ${escapeControl(until)}`];
  if (end === null) {
    const what = until === "ready" ? "is ready" : escapeControl(until);
    const resume = nextCursor === undefined ? [] : [indent(`next cursor ${nextCursor}`)];
    return [headline("✅", whose, what, style), ...resume];
  }
  return [headline(endingSymbol(end), whose, endingText(end, end.ended_by, end.stop_reason), style)];
}

/** That a part of an output cannot be had; nothing when all of it can. */
export function skippedText(skippedBytes: number, { paint }: Style): readonly string[] {
  if (skippedBytes === 0) return [];
  return [
    `${paint.yellow("⚠")} ${bytesText(skippedBytes)} of output before this are gone: no more than max_output is kept`,
  ];
}

/** Where the new file is. */
export function initialisedText({ path }: Initialised, style: Style): readonly string[] {
  return [headline("✅", pathText(path, style), "written, with every key explained", style)];
}

/** How to start the agent, with a command where the file has none, and to see whether that will do. */
export function afterInit({ command }: Initialised): readonly NextStep[] {
  const start = { does: "start the agent", command: `holdfast start${command === null ? " -- COMMAND" : ""}` };
  return [start, { does: "see whether all is well", command: "holdfast doctor" }];
}

const kinds: Readonly<Record<CleanupAction["what"], string>> = {
  session: "session",
  orphan: "orphan",
  process: "process",
  waiter: "waiter",
  lock: "lock",
  tmux: "tmux session",
  ended_session: "ended session",
};

/** What a clean-up did, or would do, one line each, and how much it was. */
export function cleanedText(actions: readonly CleanupAction[], dryRun: boolean, style: Style): readonly string[] {
  if (actions.length === 0) return [dryRun ? "Nothing would be cleaned up" : "Nothing to clean up"];
  const ofResult = (result: CleanupAction["result"]) => actions.filter((action) => action.result === result).length;
  const [failed, named] = [ofResult("failed"), ofResult("named")];
  const count = counted(actions.length - failed - named, "thing");
  const exceptions = `${named === 0 ? "" : `, ${named} left alone`}${failed === 0 ? "" : `, ${failed} failed`}`;
  const title = dryRun ? `Would clean up ${count}` : `Cleaned up ${count}${exceptions}`;
  const lines = alignColumns(actions.map((action) => actionCells(action, style)));
  return [
    `🧹 ${style.paint.bold(title)}`,
    ...lines.map((line, index) => indent(inItsColour(actions[index], line, style))),
  ];
}

/** What `watch` did, as one line with its time. */
export function sweptText(action: CleanupAction, style: Style): string {
  const cells = actionCells(action, style).filter((cell) => cell !== "");
  const time = style.paint.dim(`[${timestampText(style.now)}]`);
  return `${time} 🧹 ${inItsColour(action, cells.join("  "), style)}`;
}

function actionCells(action: CleanupAction, style: Style): string[] {
  const detail = action.detail === null ? "" : onThisLock(action.detail, style.invocation);
  return [
    kinds[action.what],
    commandText(action.name, style),
    action.pid === null ? "" : `PID ${action.pid}`,
    resultText(action),
    oneLine(detail === "" ? action.why : `${action.why}: ${detail}`),
  ];
}

function inItsColour(action: CleanupAction | undefined, line: string, { paint }: Style): string {
  return action?.result === "failed" ? paint.red(line) : line;
}

function resultText({ what, result }: CleanupAction): string {
  if (result === "named") return "left alone";
  if (result !== "planned") return result;
  return what === "ended_session" || what === "lock" ? "would be removed" : "would be ended";
}

function headline(symbol: string, id: string, text: string, { paint }: Style): string {
  return `${symbol} ${paint.bold(escapeControl(id))}   ${text}`;
}
