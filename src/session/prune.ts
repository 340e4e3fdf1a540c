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
  const surplus = uids.slice(keep);
  const removed: string[] = [];
  for (const uid of [...surplus, ...tooOld(context, uids.slice(0, keep), Date.now() - outputMs)]) {
    if (readRecord(context.home, uid) === null) continue;
    removeSessionDirectory(sessionFiles(context.home, uid));
    removed.push(uid);
  }
  return removed;
}

/** @param uids newest first: the first that is young enough from the old end settles it for all before */
function tooOld(context: Context, uids: readonly string[], oldest: number): readonly string[] {
  const old: string[] = [];
  for (const uid of uids.toReversed()) {
    const record = readRecord(context.home, uid);
    if (record !== null && Date.parse(record.end.ended_at) >= oldest) break;
    old.push(uid);
  }
  return old;
}

export function sessionUids(context: Context): string[] {
  try {
    return readdirSync(context.home.sessions).filter((name) => /^[0-9a-z]{10,40}$/.test(name));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw failureFromErrno(error, "list the sessions", context.home.sessions);
  }
}
