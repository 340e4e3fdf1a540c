import { makeSessionId, makeUid } from "../home/names.ts";
import { tmuxSocket } from "../tmux/tmux-socket.ts";
import type { Context } from "./context.ts";
import type { Launcher, ReadinessProbe, RestartPolicy, SessionInfo, SessionTmux } from "./session-info.ts";

export interface SessionRequest {
  /** Null: a descriptive one is made from the command. */
  readonly id: string | null;
  readonly command: readonly string[];
  readonly cwd: string;
  readonly mode: "background" | "foreground";
  readonly owner?: string | null;
  readonly note?: string | null;
  readonly close?: boolean;
  /** Given when the command starts the agent in the background and returns. */
  readonly launcher?: Omit<Launcher, "process"> | null;
  readonly pidFile?: string | null;
  readonly stopCommand?: readonly string[] | null;
  readonly stopSignal?: NodeJS.Signals;
  readonly killAfterMs?: number;
  /** Null: without limit, whatever is configured; so is `idleMs`. */
  readonly maxTimeMs?: number | null;
  readonly idleMs?: number | null;
  /** About how much of its output is kept; null: all of it. */
  readonly maxOutputBytes?: number | null;
  readonly ready?: ReadinessProbe | null;
  /** How many sessions may hold the lock at once. */
  readonly slots?: number;
  readonly restart?: RestartPolicy;
  readonly maxRestarts?: number;
  /** Whether its agent is to run in a tmux session. */
  readonly tmux?: boolean;
}

/**
 * A session that nobody holds yet.
 * @throws Failure `UNAVAILABLE` when its tmux could have no socket
 */
export function newSession(context: Context, request: SessionRequest): SessionInfo {
  const now = new Date();
  const uid = makeUid();
  const id = request.id ?? makeSessionId(request.command, now);
  return {
    kind: "session",
    uid,
    id,
    mode: request.mode,
    token: null,
    slot: 1,
    slots: request.slots ?? 1,
    command: [...request.command],
    cwd: request.cwd,
    state_directory: context.home.state,
    created_at: now.toISOString(),
    started_at: null,
    by: context.by,
    owner: request.owner ?? null,
    note: request.note ?? null,
    phase: "starting",
    agent: null,
    descent: null,
    leads_group: false,
    close: request.close ?? false,
    ...launchOf(request),
    stop_signal: request.stopSignal ?? context.config.stop.signal,
    kill_after_ms: request.killAfterMs ?? context.config.stop.killAfterMs,
    max_time_ms: request.maxTimeMs === undefined ? context.config.limits.maxTimeMs : request.maxTimeMs,
    ready: request.ready ?? null,
    ready_at: null,
    idle_ms: request.idleMs === undefined ? context.config.limits.idleMs : request.idleMs,
    max_output_bytes: maxOutputOf(context, request),
    output_problem: null,
    restart: request.restart ?? "no",
    max_restarts: request.maxRestarts ?? null,
    restarts: 0,
    restart_at: null,
    tmux: request.tmux === true ? newTmux(context, uid, id) : null,
  };
}

function launchOf({ launcher, pidFile, stopCommand }: SessionRequest) {
  return {
    launcher: launcher == null ? null : { ...launcher, process: null },
    pid_file: pidFile ?? null,
    stop_command: stopCommand == null ? null : [...stopCommand],
  };
}

/** What `run` writes goes past us, and is the caller's. */
function maxOutputOf({ config }: Context, { mode, maxOutputBytes }: SessionRequest): number | null {
  if (mode === "foreground") return null;
  return maxOutputBytes === undefined ? config.limits.maxOutputBytes : maxOutputBytes;
}

/** A tmux session called as ours; a point would be the beginning of a pane there. */
function newTmux({ home, env }: Context, uid: string, id: string): SessionTmux {
  return { socket: tmuxSocket(home.state, uid, env), name: id.replaceAll(".", "_"), pane: null, server: null };
}

/** Logs that the lock was taken for this session. */
export function logClaimed(context: Context, session: SessionInfo, token: number): void {
  context.journal.append({
    event: "claimed",
    lock: context.lock.name,
    session: session.id,
    uid: session.uid,
    token,
    by: session.by,
    command: [...session.command],
    cwd: session.cwd,
    ...(session.note === null ? {} : { note: session.note }),
    ...(session.owner === null ? {} : { owner: session.owner }),
  });
}
