import { readdirSync } from "node:fs";
import { errnoOf, failureFromErrno } from "../failure.ts";
import type { Context } from "./context.ts";
import { readRecord } from "./session-end.ts";
import { removeSessionDirectory, sessionFiles } from "./session-files.ts";

/**
 * Forgets the output of ended sessions that are older than `retention.output`, or more than `retention.keep`. Their
 * events stay in the log. Never touches a session without a record: it has not ended.
 * @returns the uids it forgot
 */
export function pruneEnded(context: Context): readonly string[] {
  const { keep, outputMs } = context.config.retention;
  // Uids begin with their time, so the names sort by age.
  const uids = sessionUids(context).sort().reverse();
  if (uids.length <= keep && outputMs === Number.POSITIVE_INFINITY) return [];
  const oldest = Date.now() - outputMs;
  const removed: string[] = [];
  let kept = 0;
  for (const uid of uids) {
    const record = readRecord(context.home, uid);
    if (record === null) continue;
    kept += 1;
    if (kept <= keep && Date.parse(record.end.ended_at) >= oldest) continue;
    removeSessionDirectory(sessionFiles(context.home, uid));
    removed.push(uid);
  }
  return removed;
}

export function sessionUids(context: Context): string[] {
  try {
    return readdirSync(context.home.sessions).filter((name) => /^[0-9a-z]{10,40}$/.test(name));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw failureFromErrno(error, "list the sessions", context.home.sessions);
  }
}
