import { readdirSync } from "node:fs";
import { errnoOf, failureFromErrno } from "../failure.ts";
import { timeOfUid } from "../home/names.ts";
import type { Context } from "./context.ts";
import { readRecord } from "./session-end.ts";
import { removeSessionDirectory, sessionFiles } from "./session-files.ts";

/** How many more than `retention.keep` may gather before they are removed together: `run` may end many a second. */
const slack = 16;

/**
 * Forgets the output of ended sessions that are older than `retention.output`, or more than `retention.keep`. Their
 * events stay in the log. Never touches a session without a record: it has not ended.
 * @returns the uids it forgot
 */
export function pruneEnded(context: Context): readonly string[] {
  const { keep, outputMs } = context.config.retention;
  // Uids begin with their time, so the names sort by age; a session is at most as old as its uid.
  const newestFirst = sessionUids(context).toSorted().toReversed();
  const oldest = Date.now() - outputMs;
  const isCrowded = newestFirst.length > keep + slack;
  const candidates = newestFirst.filter((uid, index) => (isCrowded && index >= keep) || timeOfUid(uid) < oldest);
  return candidates.filter((uid) => {
    const record = readRecord(context.home, uid);
    if (record === null) return false;
    const isSurplus = isCrowded && newestFirst.indexOf(uid) >= keep;
    if (!isSurplus && Date.parse(record.end.ended_at) >= oldest) return false;
    removeSessionDirectory(sessionFiles(context.home, uid));
    return true;
  });
}

export function sessionUids(context: Context): string[] {
  try {
    return readdirSync(context.home.sessions).filter((name) => /^[0-9a-z]{10,40}$/.test(name));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw failureFromErrno(error, "list the sessions", context.home.sessions);
  }
}
