import { lstatSync, readdirSync, readlinkSync, statSync, type Stats } from "node:fs";
import { basename, dirname } from "node:path";
import { errnoOf } from "../failure.ts";

/**
 * A file by which its own processes are known: they have it open for writing, because they inherited it. Which file that
 * is, its device and inode say; a name may be another file's tomorrow.
 */
export interface KnownFile {
  readonly device: number;
  readonly inode: number;
  /** What the directory was called in which it was opened: spares looking at every file of every process. */
  readonly folder: string;
}

/** Null when there is no such file; of a link, or of what is no file, nobody is known. */
export function knownFile(path: string): KnownFile | null {
  const stats = statsOf(() => lstatSync(path, { throwIfNoEntry: false }));
  return stats?.isFile() === true ? fileOf(stats, path) : null;
}

/** As `knownFile`; null as well when it has another name somewhere, by which others may have opened it. */
export function knownFileOfOneName(path: string): KnownFile | null {
  const stats = statsOf(() => lstatSync(path, { throwIfNoEntry: false }));
  return stats?.isFile() === true && stats.nlink === 1 ? fileOf(stats, path) : null;
}

export function fileOf({ dev: device, ino: inode }: Stats, path: string): KnownFile {
  return { device, inode, folder: basename(dirname(path)) };
}

/**
 * Whether a process has one of these files open for writing, by /proc/PID/fd: the links there lead to the open files
 * themselves, whatever has become of their names (proc_pid_fd(5)), and their mode tells how they were opened.
 * @returns null when it is gone, or may not be looked at: another user's, or one that has protected itself (prctl(2),
 *   PR_SET_DUMPABLE)
 */
export function writesToByProcfs(pid: number, files: readonly KnownFile[]): boolean | null {
  const descriptors = `/proc/${pid}/fd`;
  let numbers: readonly string[];
  try {
    numbers = readdirSync(descriptors);
  } catch {
    return null;
  }
  return numbers.some((number) => leadsTo(`${descriptors}/${number}`, files));
}

function leadsTo(link: string, files: readonly KnownFile[]): boolean {
  // The target's text costs no look at its file system, which may be one that does not answer.
  const folder = folderOf(link);
  const candidates = files.filter((file) => file.folder === folder);
  if (candidates.length === 0) return false;
  const stats = statsOf(() => statSync(link, { throwIfNoEntry: false }));
  if (stats === undefined || !candidates.some(({ device, inode }) => stats.dev === device && stats.ino === inode)) {
    return false;
  }
  const opened = statsOf(() => lstatSync(link, { throwIfNoEntry: false }));
  return opened !== undefined && (opened.mode & 0o200) !== 0;
}

function folderOf(link: string): string | null {
  try {
    return basename(dirname(readlinkSync(link)));
  } catch {
    return null;
  }
}

/** What cannot be looked at is as good as not there. */
function statsOf(look: () => Stats | undefined): Stats | undefined {
  try {
    return look();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}
