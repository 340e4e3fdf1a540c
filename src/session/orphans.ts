import { join } from "node:path";
import type { ProcessEntry } from "../process/table.ts";
import type { Context } from "./context.ts";
import { createJson, sessionFiles } from "./session-files.ts";
import type { SessionInfo } from "./session-info.ts";

/**
 * Logs that processes of a session live on without its keeper: once, whoever notices first.
 * @returns true for the one who did
 */
export function noteOrphaned(context: Context, session: SessionInfo, processes: readonly ProcessEntry[]): boolean {
  const marker = join(sessionFiles(context.home, session.uid).directory, "orphaned.json");
  if (!createJson(marker, { noticed_at: new Date().toISOString(), by: context.by })) return false;
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
