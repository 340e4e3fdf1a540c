import { makeSessionId, makeUid } from "../home/names.ts";
import { tmuxSocket } from "../tmux/tmux-socket.ts";
import type { Context } from "./context.ts";
import type { ReadinessProbe, RestartPolicy, SessionInfo, SessionTmux } from "./session-info.ts";

export interface SessionRequest {
  /** Null: a descriptive one is made from the command. */
  readonly id: string | null;
  readonly command: readonly string[];
  readonly cwd: string;
  readonly mode: "background" | "foreground";
  readonly owner?: string | null;
  readonly note?: string | null;
  readonly close?: boolean;
  readonly stopSignal?: NodeJS.Signals;
  readonly killAfterMs?: number;
  readonly maxTimeMs?: number;
  readonly idleMs?: number;
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
    created_at: now.toISOString(),
    started_at: null,
    by: context.by,
    owner: request.owner ?? null,
    note: request.note ?? null,
    phase: "starting",
    agent: null,
    leads_group: false,
    close: request.close ?? false,
    stop_signal: request.stopSignal ?? context.config.stop.signal,
    kill_after_ms: request.killAfterMs ?? context.config.stop.killAfterMs,
    max_time_ms: request.maxTimeMs ?? context.config.limits.maxTimeMs,
    ready: request.ready ?? null,
    ready_at: null,
    idle_ms: request.idleMs ?? context.config.limits.idleMs,
    restart: request.restart ?? "no",
    max_restarts: request.maxRestarts ?? null,
    restarts: 0,
    restart_at: null,
    tmux: request.tmux === true ? newTmux(context, uid, id) : null,
  };
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
