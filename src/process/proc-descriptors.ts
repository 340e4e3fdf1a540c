import { lstatSync, readdirSync, readlinkSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { KnownFile } from "./known-file.ts";
import { refusalOf } from "./proc-files.ts";

/**
 * Whether a process has one of these files open for writing, by /proc/PID/fd: the links there lead to the open files
 * themselves, whatever has become of their names (proc_pid_fd(5)), and their mode tells how they were opened.
 * @returns null when it is gone, or may not be looked at: another user's, or one that has protected itself (prctl(2),
 *   PR_SET_DUMPABLE)
 * @throws Failure `IO` when that is not the reason
 */
export function writesTo(pid: number, files: readonly KnownFile[]): boolean | null {
  const descriptors = `/proc/${pid}/fd`;
  let numbers: readonly string[];
  try {
    numbers = readdirSync(descriptors);
  } catch (error) {
    // That none is left to look with says nothing of the process.
    refusalOf(error, descriptors);
    return null;
  }
  return numbers.some((number) => leadsTo(`${descriptors}/${number}`, files));
}

function leadsTo(link: string, files: readonly KnownFile[]): boolean {
  // The target's text costs no look at its file system, which may be one that does not answer.
  const folder = folderOf(link);
  const candidates = files.filter((file) => file.folder === folder);
  if (candidates.length === 0) return false;
  const stats = orUndefined(() => statSync(link, { throwIfNoEntry: false }));
  if (stats === undefined || !candidates.some(({ device, inode }) => stats.dev === device && stats.ino === inode)) {
    return false;
  }
  const opened = orUndefined(() => lstatSync(link, { throwIfNoEntry: false }));
  return opened !== undefined && (opened.mode & 0o200) !== 0;
}

function folderOf(link: string): string | null {
  try {
    return basename(dirname(readlinkSync(link)));
  } catch {
    return null;
  }
}

/** It may be closed by now. */
function orUndefined<Result>(look: () => Result): Result | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
