import { readFileSync, statSync } from "node:fs";
import { isErrno } from "../failure.ts";
import { lookAtProcess } from "../process/look-at-process.ts";

/** What the agent's own PID file says. It is read and never written, and what it says is never believed as it stands. */
export interface PidFile {
  readonly path: string;
  readonly pid: number | null;
  /**
   * - `stale`: no process has this PID.
   * - `alive`: one has.
   * - `foreign`: one has, and it is no agent that is known here. Only who knows the agents can tell.
   */
  readonly state: "missing" | "unreadable" | "stale" | "alive" | "foreign";
}

/** Far more than a PID, and what some programs write in the lines after it. */
const longestBytes = 4096;

/** Reads a PID file: a number alone in the first line. Whatever else is there has a name, too; nothing is thrown. */
export function readPidFile(path: string): PidFile {
  let text: string;
  try {
    const stat = statSync(path);
    // A pipe would be waited for.
    if (!stat.isFile() || stat.size > longestBytes) return { path, pid: null, state: "unreadable" };
    text = readFileSync(path, "utf8");
  } catch (error) {
    const isMissing = isErrno(error, "ENOENT", "ENOTDIR");
    return { path, pid: null, state: isMissing ? "missing" : "unreadable" };
  }
  const pid = Number(/^[ \t]*([1-9]\d{0,9})\s*(?:\n|$)/.exec(text)?.[1] ?? Number.NaN);
  if (!Number.isSafeInteger(pid)) return { path, pid: null, state: "unreadable" };
  const look = lookAtProcess(pid);
  return { path, pid, state: look === "none" || (look !== "hidden" && look.zombie) ? "stale" : "alive" };
}
