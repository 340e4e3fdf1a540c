import { Failure } from "../failure.ts";
import type { ProcessEntry } from "../process/table.ts";
import type { Context } from "./context.ts";
import { createJson, makeSessionDirectory, sessionFiles } from "./session-files.ts";
import type { SessionInfo } from "./session-info.ts";

/**
 * Logs that a session lost its keeper while processes of it live: once for each session, by whoever notices first.
 * @returns whether it was noticed first here
 * @throws Failure when it cannot be written down
 */
export function noteOrphaned(context: Context, session: SessionInfo, processes: readonly ProcessEntry[]): boolean {
  const files = sessionFiles(context.home, session.uid);
  // A keeper that died early has not made it, or somebody has removed it since.
  makeSessionDirectory(files);
  if (!createJson(files.orphaned, { noticed_at: new Date().toISOString(), by: context.by })) return false;
  context.journal.append({
    event: "orphaned",
    lock: context.lock.name,
    session: session.id,
    uid: session.uid,
    by: context.by,
    processes: processes.map(({ pid, command }) => ({ pid, command })),
  });
  return true;
}

/** As `noteOrphaned`, for those who have something else to say, which must not fail for want of a line in the log. */
export function tryToNoteOrphaned(context: Context, session: SessionInfo, processes: readonly ProcessEntry[]): void {
  try {
    noteOrphaned(context, session, processes);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}
