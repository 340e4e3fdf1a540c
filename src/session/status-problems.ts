import type { LockView } from "../lock/lock.ts";
import { whereText } from "../process/identity.ts";
import type { ProcessEntry } from "../process/table.ts";
import type { PidFile } from "./pid-file.ts";
import { runningOf, type SessionStatus } from "./session-status.ts";

/** What is wrong with a lock, in words; empty when nothing is. */
export function problemsOf(
  views: readonly LockView[],
  sessions: readonly SessionStatus[],
  { outside, pidFile }: { readonly outside: readonly ProcessEntry[]; readonly pidFile: PidFile | null },
): readonly string[] {
  return [
    ...sessions.flatMap((session) => [...ofKeeper(session), ...ofSilence(session), ...ofOutput(session)]),
    ...(outside.length === 0 ? [] : [`${outsiders(outside.length)} outside any session`]),
    ...(pidFile?.state === "foreign"
      ? [`the PID file names PID ${pidFile.pid}, which is no agent of this project: ${pidFile.path}`]
      : []),
    ...(views.some(({ holder }) => holder?.heartbeat === "unknown")
      ? ["whether the holder lives cannot be told from here; it counts as alive"]
      : []),
  ];
}

function ofKeeper(status: SessionStatus): readonly string[] {
  const { state, session, processes, keeperPid } = status;
  if (state === "orphaned") return [`${session.id} is orphaned: its keeper is dead, ${whatLives(status)}`];
  const agent = processes.find(({ pid }) => pid === session.agent?.pid);
  if (agent?.state !== "zombie") return [];
  return [
    `${session.id}: its agent (PID ${agent.pid}) has ended, and its keeper (PID ${keeperPid ?? "unknown"}) has not noticed`,
  ];
}

function whatLives({ processes, unproven, where, host }: SessionStatus): string {
  const running = runningOf(processes);
  const [only] = unproven;
  if (where === "here" && running.length === 1 && only !== undefined) {
    return `and only its claim says that PID ${only.pid} is its agent`;
  }
  const place = where === "here" || where === "other_directory" ? "" : ` ${whereText(where, host)}`;
  return running.length === 1 ? `1 process of it lives${place}` : `${running.length} processes of it live${place}`;
}

function ofSilence({ session, clients, lastActivity }: SessionStatus): readonly string[] {
  if (clients.length > 0) return [];
  const silentMs = Date.now() - lastActivity.getTime();
  if (session.mode !== "background" || session.idle_ms === null || silentMs <= session.idle_ms) return [];
  return [`${session.id} is silent for longer than its idle limit of ${session.idle_ms / 1000} s, by the clock`];
}

function ofOutput({ session }: SessionStatus): readonly string[] {
  const { id, max_output_bytes: limit, output_problem: reason } = session;
  return reason === null ? [] : [`${id} keeps all of its output, above its limit of ${limit} bytes: ${reason}`];
}

function outsiders(count: number): string {
  return count === 1 ? "1 agent process runs" : `${count} agent processes run`;
}
