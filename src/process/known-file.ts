import { fstatSync, lstatSync, readlinkSync, type Stats } from "node:fs";
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

/** The file that this process has open under a number; null without /proc. */
export function knownDescriptor(descriptor: number): KnownFile | null {
  try {
    return fileOf(fstatSync(descriptor), readlinkSync(`/proc/self/fd/${descriptor}`));
  } catch {
    return null;
  }
}

function fileOf({ dev: device, ino: inode }: Stats, path: string): KnownFile {
  return { device, inode, folder: basename(dirname(path)) };
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
