import { escapeControl } from "../../home/names.ts";
import type { NextStep } from "../../failure.ts";
import type { SessionInfo } from "../../session/session-info.ts";
import { inOneLine } from "../../session/trouble.ts";
import { stopCall } from "../../session/owners.ts";
import type { AllLocks } from "../../session/all-locks.ts";
import type { OperationCount } from "../../session/operations.ts";
import { outsideSteps } from "../../session/refusals.ts";
import type { SessionStatus } from "../../session/session-status.ts";
import type { QueueEntry, Status } from "../../session/status.ts";
import { whereText } from "../../process/identity.ts";
import { actorName } from "./actor-text.ts";
import { commandText } from "./command-line.ts";
import { invocationOn, onThisLock } from "./on-this-lock.ts";
import { padToWidth } from "./display-width.ts";
import { adviceOnAll } from "./errno-advice.ts";
import { nextSteps } from "./next-steps.ts";
import { processTable } from "./process-table.ts";
import { durationText, secondsSince } from "./quantities.ts";
import { cardFacts, clientTexts, labelledRows, pathText, statePhrases, type LabelledRow } from "./session-card.ts";
import { counted, indent, separator, type Style } from "./style.ts";
import { warningText } from "./warning-text.ts";

/** The state of a lock; what is wrong comes first, with what to do about it. */
export function statusText(status: Status, style: Style): readonly string[] {
  const { sessions, outside, problems } = status;
  const blocks = [
    [...problems.map((problem) => warningText(problem, style)), ...nextSteps(repairs(status, style), style)],
    ...(sessions.length === 0
      ? [[status.hidden === null ? "No active session" : "No active session that can be read"]]
      : []),
    ...sessions.flatMap((session, index) => sessionBlocks(session, { status, index }, style)),
    outside.length === 0 ? [] : outsideBlock(status, style),
    labelledRows(footRows(status, style), style),
  ];
  return apart(blocks);
}

/** With an empty line between them. */
function apart(blocks: readonly (readonly string[])[]): readonly string[] {
  return blocks
    .filter((block) => block.length > 0)
    .flatMap((block) => ["", block].flat())
    .slice(1);
}

/** The same of every lock, below its name. */
export function allLocksText({ locks, trouble }: AllLocks, style: Style): readonly string[] {
  const unread = trouble.map((failure) => warningText(inOneLine(failure), style));
  const blocks = locks.map((status) => {
    const { lock } = status;
    const own = { ...style, invocation: invocationOn(lock, style.invocation) };
    return [style.paint.bold(`Lock ${escapeControl(lock)}`), "", ...statusText(status, own)];
  });
  return apart([[...unread, ...nextSteps(adviceOnAll(trouble), style)], ...blocks]);
}

/** Whether there is nothing to tell of a lock. */
export function isEmpty({ sessions, outside, queue }: Status): boolean {
  return sessions.length + outside.length + queue.length === 0;
}

/** What to do about what is wrong. */
function repairs(status: Status, style: Style): readonly NextStep[] {
  return [...orphanEndings(status, style), ...outsideEndings(status), ...adviceOnAll(status.trouble)];
}

/** Each by itself: a clean-up would end healthy sessions and whoever waits, too. */
function orphanEndings({ sessions }: Status, style: Style): readonly NextStep[] {
  const healthy = sessions.filter(({ state }) => state !== "orphaned");
  // What lives beside a session that was started with `--force` is that one's keeper's to close.
  const isBeside = ({ slot }: SessionInfo) => healthy.some(({ session }) => session.slot === slot);
  const orphans = sessions.filter(({ state, session }) => state === "orphaned" && !isBeside(session));
  return orphans.map(({ session }) => ({ does: `end ${session.id}`, command: stopCall(style, session) }));
}

/** Never a clean-up of everything while a healthy session runs or somebody waits, and never unseen. */
function outsideEndings({ sessions, outside, queue }: Status): readonly NextStep[] {
  if (outside.length === 0) return [];
  const others = queue.length > 0 || sessions.some(({ state }) => state !== "orphaned");
  if (!others) return outsideSteps;
  return [{ does: "see what a clean-up ends, the others too", command: "holdfast cleanup --dry-run" }];
}

const commandWidth = 48;

/** @param place which of the lock's sessions it is; the first is the one that holds the lock */
function sessionBlocks(
  shown: SessionStatus,
  place: { readonly status: Status; readonly index: number },
  style: Style,
): readonly (readonly string[])[] {
  const { session, state, clients, processes } = shown;
  const facts = cardFacts(session, { ...shown, phrase: statePhrases[state], clients: clients.length });
  const command = commandText(session.command, style);
  const path = place.index === 0 ? style.paint.dim(pathText(place.status.lockFile, style)) : "";
  const card = [
    `${state === "orphaned" ? "🚨" : "🔒"} ${style.paint.bold(escapeControl(session.id))}   ${facts}`,
    indent(path === "" ? command : `${padToWidth(command, commandWidth)}  ${path}`),
  ];
  const recordedPid = session.agent?.pid ?? null;
  const { unproven } = shown;
  const table = processTable(processes, { recordedPid, unproven, commands: style.verbose }, style);
  return [
    card,
    processes.length === 0 ? [indent(whyNoProcesses(shown))] : table,
    place.status.sessions.length === 1 ? [] : labelledRows(sessionRows(shown, style), style),
  ];
}

function whyNoProcesses({ visible, where, host, state, session }: SessionStatus): string {
  if (where === "other_directory") {
    return `it runs in ${escapeControl(session.state_directory ?? "another directory")}, of which this is a copy`;
  }
  if (where !== "here") return `its processes run ${escapeControl(whereText(where, host))}, out of sight`;
  if (!visible) return "its processes cannot be seen from here";
  return state === "starting" || state === "restarting" ? "its agent is being started" : "no process of it runs";
}

function outsideBlock({ outside }: Status, style: Style): readonly string[] {
  const heading = `Agent processes outside any session (${outside.length})`;
  return [heading, "", ...processTable(outside, { recordedPid: null, commands: true }, style)];
}

function footRows(status: Status, style: Style): readonly LabelledRow[] {
  const { operations, queue, pidFile, sessions } = status;
  const [only] = sessions;
  const rows: LabelledRow[] = [
    ["operations", joined(operations.map((each) => operationText(each, style)))],
    ["queue", queue.map((entry) => queueText(entry))],
    // Of several, each has its own below its processes.
    ...(only === undefined || sessions.length > 1 ? [] : sessionRows(only, style)),
  ];
  if (pidFile !== null) {
    const says = pidFile.pid === null ? pidFile.state : `PID ${pidFile.pid}, ${pidFile.state}`;
    rows.push(["pid file", [`${pathText(pidFile.path, style)} (${says})`]]);
  }
  return rows;
}

/** `backtest 2`; with `--verbose` `backtest 2 (PID 29640, 29641)` */
function operationText({ kind, pids }: OperationCount, { verbose }: Style): string {
  const which = verbose && pids.length > 0 ? ` (PID ${pids.join(", ")})` : "";
  return `${escapeControl(kind)} ${pids.length}${which}`;
}

function sessionRows(status: SessionStatus, style: Style): readonly LabelledRow[] {
  const { session, clients, lastOutputAt } = status;
  const rows: LabelledRow[] = [
    ["clients", joined(clientTexts(clients, style.now))],
    ["output", lastOutputAt === null ? [] : [`last ${durationText(secondsSince(lastOutputAt, style.now))} ago`]],
    ["limits", joined(limitTexts(session))],
    ["tmux", tmuxText(status, style)],
    ["restarts", restartText(session, style)],
    ["owner", session.owner === null ? [] : [escapeControl(session.owner)]],
    ["note", session.note === null ? [] : [escapeControl(session.note)]],
  ];
  if (style.verbose) {
    rows.push(
      ["keeper", [keeperText(status)]],
      ["directory", [escapeControl(session.cwd)]],
      ["stop command", session.stop_command === null ? [] : [commandText(session.stop_command, style)]],
      ["uid", [escapeControl(session.uid)]],
      ["socket", session.tmux === null ? [] : [escapeControl(session.tmux.socket)]],
    );
  }
  return rows;
}

/** What will end it, that nobody is surprised. */
function limitTexts({ max_time_ms: maxTimeMs, idle_ms: idleMs }: SessionInfo): readonly string[] {
  return [
    ...(maxTimeMs === null ? [] : [`ends after ${durationText(maxTimeMs / 1000)}`]),
    ...(idleMs === null ? [] : [`ends when silent for ${durationText(idleMs / 1000)}`]),
  ];
}

/** `PID 29610, kernel pulse` */
function keeperText(status: SessionStatus): string {
  const { keeperPid, pulse } = status;
  if (keeperPid === null || pulse === null) return "dead, and its claim is gone";
  return [`PID ${keeperPid}`, placeOf(status), `${pulse} pulse`].filter((fact) => fact !== "").join(", ");
}

function placeOf({ where, host }: SessionStatus): string {
  return where === "other_directory" ? "" : escapeControl(whereText(where, host));
}

/** `holdfast join demo attaches · 1 terminal shows it (120x40)` */
function tmuxText({ session, tmux, visible }: SessionStatus, { invocation }: Style): readonly string[] {
  if (session.tmux === null || !visible) return [];
  const attach = `${onThisLock(`holdfast join ${session.id}`, invocation)} attaches`;
  if (tmux === null) return [session.tmux.pane === null ? "is being started" : "does not answer"];
  const shown = tmux.attached === 0 ? "shown nowhere" : `shown in ${counted(tmux.attached, "terminal")}`;
  return [[attach, shown, `${tmux.columns}x${tmux.rows}`].join(separator)];
}

/** `3 of 5, on failure, again in 4s` */
function restartText(session: SessionInfo, { now }: Style): readonly string[] {
  const { restart, restarts, max_restarts: most, restart_at: at } = session;
  if (restart === "no") return [];
  const count = most === null ? String(restarts) : `${restarts} of ${most}`;
  const again = at === null ? [] : [`again in ${durationText(Math.max(0, -secondsSince(at, now)))}`];
  return [[count, restart === "always" ? "whenever it ends" : "when it fails", ...again].join(separator)];
}

function joined(texts: readonly string[]): readonly string[] {
  return texts.length === 0 ? [] : [texts.join(separator)];
}

/** `1 nightly (ci, waiting 3m)`; `1 nightly (ci, waiting 3m in another PID namespace on this machine)` */
function queueText({ position, waiter, pid, where, host, waitingSeconds }: QueueEntry): string {
  const waiting = `waiting ${durationText(waitingSeconds)} ${escapeControl(whereText(where, host))}`.trimEnd();
  if (waiter === null) return `${position} PID ${pid} (${waiting})`;
  return `${position} ${escapeControl(waiter.id)} (${actorName(waiter.by)}, ${waiting})`;
}
