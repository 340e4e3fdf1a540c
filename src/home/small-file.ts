import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { errnoOf, Failure, failureFromErrno, type FailureCode } from "../failure.ts";

export interface SmallFile {
  readonly path: string;
  /** What it is, for messages: "the configuration". */
  readonly what: string;
  /** Larger than this is none of these. */
  readonly mostBytes: number;
  /** The failure when it is something else than such a file. */
  readonly code: FailureCode;
}

/**
 * Reads a small file of the project. Does not wait for the writer of a FIFO, nor fill the memory from a device; a link
 * is followed, for people keep their configuration elsewhere.
 * @returns null when there is none
 * @throws Failure of the given code, `IO` and its like
 */
export function readSmallFile(file: SmallFile): string | null {
  const { path, what } = file;
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return null;
    // open(2) of a socket.
    if (errnoOf(error) === "ENXIO") throw unusable(file, "it is not a file");
    throw failureFromErrno(error, `read ${what}`, path);
  }
  try {
    const stats = fstatSync(descriptor);
    const reason = whyUnusable(stats, file);
    if (reason !== null) throw unusable(file, reason);
    return readWhole(descriptor, stats.size);
  } catch (error) {
    throw failureFromErrno(error, `read ${what}`, path);
  } finally {
    closeSync(descriptor);
  }
}

function whyUnusable(stats: Stats, { mostBytes }: SmallFile): string | null {
  if (stats.isDirectory()) return "it is a directory";
  if (!stats.isFile()) return "it is not a file";
  return stats.size > mostBytes ? `it has ${stats.size} bytes, and at most ${mostBytes} are read` : null;
}

function unusable({ path, what, code }: SmallFile, reason: string): Failure {
  return new Failure(code, `Cannot read ${what}: ${reason}\n${path}`, { facts: { path, reason } });
}

/** What is there of so many bytes: it may become shorter meanwhile. */
function readWhole(descriptor: number, size: number): string {
  const buffer = Buffer.alloc(size);
  let length = 0;
  for (let count = -1; count !== 0 && length < size; length += count) {
    count = readSync(descriptor, buffer, length, size - length, length);
  }
  return buffer.toString("utf8", 0, length);
}
