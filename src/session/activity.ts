import { livenessOf } from "../process/identity.ts";
import type { Home } from "../home/locate.ts";
import { sessionFiles, statOf } from "./session-files.ts";
import type { SessionInfo } from "./session-info.ts";

/**
 * When something last happened in a session: output, a client that came or went, its start. Read from the files'
 * times, so that it holds for a session whose keeper is dead too.
 */
export function lastSignOfLife(home: Home, session: SessionInfo): Date {
  const files = sessionFiles(home, session.uid);
  const times = [files.output, files.clients].map(modifiedAt);
  return new Date(Math.max(Date.parse(session.started_at ?? session.created_at), ...times));
}

/**
 * Whether the session's agent is certainly dead; what it started may live. Of what a launcher has started anything may be
 * the agent, unless the PID file has told.
 */
export function isAgentGone({ agent, launcher, pid_file: pidFile }: SessionInfo): boolean {
  const isCertain = launcher === null || (launcher.process !== null && pidFile !== null);
  return isCertain && agent !== null && livenessOf(agent) === "dead";
}

/** When the agent last wrote something; null when it never did. */
export function lastOutputAt(home: Home, session: SessionInfo): Date | null {
  const { output } = sessionFiles(home, session.uid);
  return sizeOf(output) > 0 ? new Date(modifiedAt(output)) : null;
}

function modifiedAt(path: string): number {
  return statOf(path)?.mtimeMs ?? 0;
}

function sizeOf(path: string): number {
  return statOf(path)?.size ?? 0;
}
