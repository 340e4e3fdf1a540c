import { existsSync } from "node:fs";
import { Failure } from "../failure.ts";
import { isMeantBy } from "../home/locate.ts";
import { identify } from "../process/identity.ts";
import type { TmuxServer } from "../tmux/tmux-server.ts";
import { listTmuxSockets, removeSocket } from "../tmux/tmux-socket.ts";
import { attempt, matches, spare, type CleanupAction, type CleanupScope } from "./cleanup-action.ts";
import type { Context } from "./context.ts";
import { endSessionProcesses } from "./end-session-processes.ts";
import { readableRecord, type SessionRecord } from "./session-end.ts";
import { sessionFiles } from "./session-files.ts";
import type { SessionInfo } from "./session-info.ts";
import { endTmux } from "./session-tmux.ts";
import { sessionsAround } from "./inside.ts";
import { findClaimed } from "./session-roots.ts";

/** A tmux session of this lock whose holdfast session is over. */
interface LeftTmux {
  readonly socket: string;
  /** The session's id, or its uid where nothing tells that any more. */
  readonly id: string;
  /** Null when its record was forgotten. */
  readonly session: SessionInfo | null;
  /** Null: nobody listens at its socket. */
  readonly alive: { readonly server: TmuxServer; readonly pid: number } | null;
}

/**
 * Ends the tmux sessions of this lock that have outlived their holdfast sessions, and removes sockets nobody listens at.
 * @param options.onRecord only those whose sessions are on record as ended
 */
export async function endLeftTmux(
  context: Context,
  scope: CleanupScope,
  { onRecord = false }: { onRecord?: boolean } = {},
): Promise<readonly CleanupAction[]> {
  const actions: CleanupAction[] = [];
  for (const { path, uid } of listTmuxSockets(context.home.state, context.env)) {
    if (onRecord && readableRecord(context.home, uid) === null) continue;
    const left = await lookAt(context, path, uid);
    if (left === null || !matches(scope, left.id)) continue;
    const pid = left.alive?.pid ?? null;
    const why = pid === null ? "nobody listens at its socket" : "its session has ended";
    const subject = { what: "tmux", name: left.id, pid, why } as const;
    const spared = spare(context, scope, subject, left.session?.owner);
    actions.push(spared ?? (await attempt(scope, subject, () => end(context, left))));
  }
  return actions;
}

/** Null for one that is not left, or not proven to be of this lock. */
async function lookAt(context: Context, socket: string, uid: string): Promise<LeftTmux | null> {
  const record = readableRecord(context.home, uid);
  if (mayLive(context, uid, record) || sessionsAround(context.env).includes(uid)) return null;
  const isOthers = record !== null && record.lock !== null && record.lock !== context.lock.name;
  if (isOthers) return null;
  // Late: hardly any clean-up finds one.
  const { TmuxServer: Server } = await import("../tmux/tmux-server.ts");
  const server = new Server(socket, context.env);
  const left = { socket, id: record?.session.id ?? uid, session: record?.session ?? null };
  const details = await server.details(null);
  if (details === null) return (await server.isGone()) ? { ...left, alive: null } : null;
  const pid = details.serverPid;
  const name = await provenName(context, pid, uid);
  return name === null ? null : { ...left, id: name, alive: { server, pid } };
}

/** Without a record it lives, or is lost with all that it left; without anything else, either, it was forgotten. */
function mayLive({ home }: Context, uid: string, record: SessionRecord | null): boolean {
  return record === null && existsSync(sessionFiles(home, uid).directory);
}

/** The session's id, if a process carries its cookie, and is of this very lock; else null. */
async function provenName(context: Context, pid: number, uid: string): Promise<string | null> {
  const { home, lock } = context;
  const carried = await (await context.processes()).variablesOf(pid);
  const isOurs = carried !== null && isMeantBy(home, carried) && carried.get("HOLDFAST_LOCK") === lock.name;
  return isOurs && carried.get("HOLDFAST_SESSION") === uid ? (carried.get("HOLDFAST_SESSION_ID") ?? uid) : null;
}

/** @returns the detail */
async function end(context: Context, { socket, session, alive }: LeftTmux): Promise<string> {
  if (alive !== null) {
    const { server, pid } = alive;
    if (session?.tmux != null) await endAll(context, session);
    else await endTmux(server, identify(pid));
    if ((await server.details(null)) !== null) throw new Failure("IO", `It did not end, and still listens\n${socket}`);
  }
  removeSocket(socket);
  return socket;
}

async function endAll(context: Context, session: SessionInfo): Promise<void> {
  const table = await context.processes();
  const { signal, killAfterMs } = context.config.stop;
  const find = async () => (await findClaimed(table, context.home, session, { claim: null })).members;
  await endSessionProcesses(context, session, { table, find, signal, killAfterMs });
}
