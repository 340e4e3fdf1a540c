import { constants, openSync, readSync } from "node:fs";
import { errnoOf, failureFromErrno } from "../failure.ts";

/**
 * Opens a file to read it; null when there is none.
 * @throws Failure for every other reason
 */
export function openToRead(path: string): number | null {
  try {
    // Without O_NONBLOCK, opening a FIFO that somebody put here would wait for its writer.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return null;
    throw failureFromErrno(error, "read", path);
  }
}

/** Exactly `length` bytes from `start` on; null when the file has become shorter meanwhile. */
export function readChunk(descriptor: number, start: number, length: number): Buffer | null {
  const chunk = Buffer.allocUnsafe(length);
  for (let filled = 0; filled < length;) {
    const count = readSync(descriptor, chunk, filled, length - filled, start + filled);
    if (count === 0) return null;
    filled += count;
  }
  return chunk;
}
