import type { Failure } from "../../failure.ts";
import type { Actor } from "../../journal/event.ts";
import type { ProcessEntry } from "../../process/table.ts";
import type { CleanupAction } from "../../session/cleanup-action.ts";
import type { Client } from "../../session/clients.ts";
import type { Check } from "../../session/doctor-check.ts";
import type { PidFile } from "../../session/pid-file.ts";
import type { ListedSession, Listing } from "../../session/list.ts";
import type { SessionEnd } from "../../session/session-end.ts";
import type { SessionInfo } from "../../session/session-info.ts";
import type { SessionStatus } from "../../session/session-status.ts";
import type { QueueEntry, Status } from "../../session/status.ts";
import type { Stopped } from "../../session/stop.ts";
import type { TmuxDetails } from "../../tmux/tmux-server.ts";
import { inOneLine } from "../../session/trouble.ts";
import { adviceOn, adviceOnCheck } from "./errno-advice.ts";
import { onThisLock } from "./on-this-lock.ts";

/** A part of a document: what `schema/output/` describes, field by field. */
export type Fields = Readonly<Record<string, unknown>>;

/** What is told of any session, alive or not. `pid` is null without an agent, a limit where there is none. */
export function sessionDocument(session: SessionInfo): Fields {
  return {
    id: session.id,
    uid: session.uid,
    mode: session.mode,
    phase: session.phase,
    slot: session.slot,
    slots: session.slots,
    command: session.command,
    cwd: session.cwd,
    pid: session.agent?.pid ?? null,
    created_at: session.created_at,
    started_at: session.started_at,
    by: actorDocument(session.by),
    owner: session.owner,
    note: session.note,
    close: session.close,
    launcher: session.launcher !== null,
    pid_file: session.pid_file,
    stop_command: session.stop_command,
    stop_signal: session.stop_signal,
    kill_after_seconds: session.kill_after_ms / 1000,
    max_time_seconds: session.max_time_ms === null ? null : session.max_time_ms / 1000,
    idle_timeout_seconds: session.idle_ms === null ? null : session.idle_ms / 1000,
    max_output_bytes: session.max_output_bytes,
    restart: session.restart,
    max_restarts: session.max_restarts,
    restarts: session.restarts,
    restart_at: session.restart_at,
    tmux: session.tmux === null ? null : { name: session.tmux.name, socket: session.tmux.socket },
  };
}

function actorDocument({ user, host, pid, tty, name }: Actor): Fields {
  return { user, host, pid, tty, name: name ?? null };
}

/** @param invocation what a command in its detail is called with, see `onThisLock` */
export function actionDocument(action: CleanupAction, invocation: string): Fields {
  const { what, name, pid, why, result, detail } = action;
  return { what, name, pid, why, result, detail: detail === null ? null : onThisLock(detail, invocation) };
}

/** Its PID is as it is numbered where the client runs, which may be elsewhere. */
export function clientDocument({ uid, name, user, joined_at: joinedAt, process }: Client): Fields {
  return { uid, name, user, pid: process.pid, host: process.host, joined_at: joinedAt };
}

/** What a session says of a process that is, or may be, its own. */
interface ClaimedPids {
  readonly recordedPid: number | null;
  readonly unproven: readonly ProcessEntry[];
}

const ofNone: ClaimedPids = { recordedPid: null, unproven: [] };

/** @param now for the uptime */
function processDocument(entry: ProcessEntry, { recordedPid, unproven }: ClaimedPids, now: Date): Fields {
  return {
    pid: entry.pid,
    ppid: entry.ppid,
    command: entry.command,
    state: entry.state,
    uptime_seconds: rounded(Math.max(0, now.getTime() - entry.startedAt.getTime()) / 1000),
    resident_bytes: entry.residentBytes,
    cpu_percent: rounded(entry.cpuPercent),
    cpu_seconds: rounded(entry.cpuSeconds),
    tty: entry.tty,
    user: entry.user,
    started_at: timeOrNull(entry.startedAt),
    recorded: entry.pid === recordedPid,
    proven: !unproven.includes(entry),
  };
}

/** Exit code and signal are both null when nobody saw its agent end. */
export function endDocument(end: SessionEnd): Fields {
  return {
    ended_at: end.ended_at,
    duration_seconds: end.duration_seconds,
    reason: end.reason,
    exit_code: end.exit_code,
    signal: end.signal,
    last_activity: end.last_activity,
    ended_by: end.ended_by === null ? null : actorDocument(end.ended_by),
    stop_reason: end.stop_reason,
    processes: end.processes.map(({ pid, command, how, started_at: startedAt }) => {
      return { pid, command, how, started_at: startedAt };
    }),
    survivors: end.survivors.map(({ pid, command, why }) => ({ pid, command, why })),
  };
}

/** Of what it was not, a session or a waiter, the fields are there and null. */
export function stopDocument(stopped: Stopped): Fields {
  return stopped.kind === "session"
    ? { kind: "session", session: sessionDocument(stopped.session), end: endDocument(stopped.end), waiter: null }
    : { kind: "waiter", session: null, end: null, waiter: { id: stopped.id, pid: stopped.pid } };
}

/**
 * `session` is the first one, or null; `sessions` is there when there are several. A lock with orphaned ones alone is
 * not active.
 * @param now for the uptimes
 */
export function statusDocument(status: Status, now: Date): Fields {
  const sessions = status.sessions.map((session) => sessionStatusDocument(session, now));
  return {
    active: status.sessions.some(({ state }) => state !== "orphaned"),
    lock: status.lock,
    lock_file: status.lockFile,
    slots: status.slots,
    session: sessions[0] ?? null,
    ...(sessions.length > 1 ? { sessions } : {}),
    process_count: status.processCount,
    outside: status.outside.map((entry) => processDocument(entry, ofNone, now)),
    operations: status.operations.map(({ kind, pids }) => ({ kind, count: pids.length, pids })),
    queue: status.queue.map(queueDocument),
    pid_file: status.pidFile === null ? null : pidFileDocument(status.pidFile),
    problems: status.problems,
  };
}

function sessionStatusDocument(status: SessionStatus, now: Date): Fields {
  const { session, processes, unproven, clients } = status;
  const record: ClaimedPids = { recordedPid: session.agent?.pid ?? null, unproven };
  return {
    ...sessionDocument(session),
    state: status.state,
    token: status.token,
    pulse: status.pulse,
    keeper_pid: status.keeperPid,
    where: status.where,
    host: status.host,
    visible: status.visible,
    active_seconds: rounded(status.activeSeconds),
    last_activity: timeOrNull(status.lastActivity),
    last_output_at: status.lastOutputAt === null ? null : timeOrNull(status.lastOutputAt),
    active_clients: clients.length,
    clients: clients.map(clientDocument),
    terminal: status.tmux === null ? null : tmuxDocument(status.tmux),
    processes: processes.map((entry) => processDocument(entry, record, now)),
  };
}

function tmuxDocument({ attached, columns, rows }: TmuxDetails): Fields {
  return { attached, columns, rows };
}

/** @param trouble what is wrong beside these listings */
export function listDocument(listings: readonly Listing[], trouble: readonly Failure[] = []): Fields {
  const sessions = listings.flatMap(({ directory, stateDirectory, sessions: listed }) => {
    return listed.map((session) => ({ directory, state_directory: stateDirectory, ...listedDocument(session) }));
  });
  const problems = [...listings.flatMap((listing) => listing.trouble), ...trouble].map(inOneLine);
  return { count: sessions.length, more: listings.some(({ more }) => more), sessions, problems };
}

function listedDocument(listed: ListedSession): Fields {
  switch (listed.kind) {
    case "queued":
      return { lock: listed.lock, state: "queued", ...queueDocument(listed.entry) };
    case "live":
      return {
        lock: listed.lock,
        state: listed.state,
        ...sessionDocument(listed.session),
        token: listed.token,
        active_seconds: rounded(listed.activeSeconds),
        last_activity: timeOrNull(listed.lastActivity),
        active_clients: listed.clients,
        end: null,
      };
    case "ended": {
      const { lock, session, end } = listed.record;
      return {
        lock,
        state: "ended",
        ...sessionDocument(session),
        token: session.token,
        active_seconds: end.duration_seconds,
        last_activity: end.last_activity,
        active_clients: 0,
        end: endDocument(end),
      };
    }
  }
}

function pidFileDocument({ path, pid, state }: PidFile): Fields {
  return { path, pid, state };
}

function queueDocument({ position, waiter, pid, where, host, since, waitingSeconds }: QueueEntry): Fields {
  return {
    position,
    id: waiter?.id ?? null,
    uid: waiter?.uid ?? null,
    mode: waiter?.mode ?? null,
    owner: waiter?.owner ?? null,
    note: waiter?.note ?? null,
    command: waiter?.command ?? null,
    by: waiter === null ? null : actorDocument(waiter.by),
    pid,
    where,
    host,
    since,
    waiting_seconds: rounded(waitingSeconds),
  };
}

/**
 * `code` is null unless it has failed.
 * @param invocation how what is to be typed next calls holdfast, see `onThisLock`
 */
export function checkDocument(check: Check, invocation: string): Fields {
  const { name, state, text, facts = {}, failure } = check;
  const next = adviceOnCheck(check).map(({ command }) => onThisLock(command, invocation));
  return { name, state, text, code: failure?.code ?? null, facts, next };
}

/** The facts stand behind code and message, and never in their place. */
export function errorDocument(failure: Failure, invocation: string): Fields {
  const { code, message, retryable, facts } = failure;
  const next = adviceOn(failure).map(({ command }) => onThisLock(command, invocation));
  const own = { code, message, retryable, next };
  return { ...own, ...facts, ...own };
}

/** To a thousandth: what is measured is not known better. */
export function rounded(number: number): number {
  return Number.isFinite(number) ? Math.round(number * 1000) / 1000 : 0;
}

function timeOrNull(time: Date): string | null {
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}
