import { readdirSync, readFileSync } from "node:fs";
import { refusalOf } from "./proc-files.ts";

/**
 * The PIDs of a process's children, of all its threads. While others of them end, one that lives may be left out
 * (proc_pid_tid_children(5)): good enough to tell of processes, not to end them.
 * @returns null when it is gone, and where the kernel keeps no such lists (CONFIG_PROC_CHILDREN)
 * @throws Failure `IO` when /proc itself fails
 */
export function childrenOf(pid: number): readonly number[] | null {
  const threads = unlessGone(`/proc/${pid}/task`, (path) => readdirSync(path)) ?? [];
  const lists = threads
    // Whole: the kernel gives such a list out in pieces of a page.
    .map((thread) => unlessGone(`/proc/${pid}/task/${thread}/children`, (path) => readFileSync(path, "latin1")))
    .filter((list) => list !== null);
  return lists.length === 0 ? null : lists.flatMap(parsePids);
}

function parsePids(list: string): readonly number[] {
  return list.split(" ").filter(Boolean).map(Number);
}

function unlessGone<T>(path: string, read: (path: string) => T): T | null {
  try {
    return read(path);
  } catch (error) {
    refusalOf(error, path);
    return null;
  }
}
