import { closeSync, constants, fstatSync, futimesSync, openSync, readSync } from "node:fs";
import { errnoOf, Failure, failureFromErrno } from "../failure.ts";
import type { NativeFiles } from "../lock/native.ts";
import { writeOutputCut } from "../session/output-cut.ts";
import type { SessionFiles } from "../session/session-files.ts";
import { findCut } from "./find-cut.ts";

/** File systems free a file's room in parts of this size, or of a multiple. */
const blockBytes = 4096;
/** What says that no part of a file can be freed here, whichever is asked for. */
const neverPossible: ReadonlySet<string | undefined> = new Set(["EOPNOTSUPP", "ENOTSUP", "ENOSYS", "EINVAL", "EPERM"]);

/**
 * Gives the oldest part of an output back to the disk, so that about half of the limit is left:
 *
 *     output.log   [ hole: reads as NUL, takes no room ][ the newest lines ]◀── the agent appends
 *                                                        ▲
 *                                                        output.json: first_byte
 *
 * Every byte stays at its offset, and nothing that is written meanwhile is lost. The first byte that is kept is on
 * record before anything is given back.
 * @param native what can give it back, or why nothing can
 * @param firstByte the first one kept so far
 * @returns the first one kept now
 * @throws Failure `UNAVAILABLE` when that cannot be done here; nothing has changed then
 */
export async function cutOutput(
  files: Pick<SessionFiles, "output" | "outputCut">,
  native: NativeFiles | Error,
  firstByte: number,
  limitBytes: number,
): Promise<number> {
  if (native instanceof Error) throw cannotCut("the native part cannot be loaded", files, native);
  const descriptor = openOutput(files.output);
  try {
    const read = (fromByte: number, length: number) => {
      const buffer = Buffer.allocUnsafe(length);
      return buffer.subarray(0, readSync(descriptor, buffer, 0, length, fromByte));
    };
    const cut = findCut(read, fstatSync(descriptor).size, limitBytes);
    await writeOutputCut(files.outputCut, cut);
    // The agent may have truncated its output meanwhile: what it writes now lies where the hole would be.
    if (fstatSync(descriptor).size < cut) return cut;
    await giveBack(native, descriptor, floorToBlock(firstByte), floorToBlock(cut));
    return cut;
  } catch (error) {
    if (!neverPossible.has(errnoOf(error))) throw failureFromErrno(error, "cut the agent's output", files.output);
    await writeOutputCut(files.outputCut, firstByte);
    throw cannotCut(`its file system cannot free a part of a file (${errnoOf(error)})`, files, error);
  } finally {
    closeSync(descriptor);
  }
}

function openOutput(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw failureFromErrno(error, "open the agent's output", path);
  }
}

/** Leaves the file's time as it was, which tells when the agent wrote last. */
async function giveBack(native: NativeFiles, descriptor: number, fromByte: number, endByte: number): Promise<void> {
  if (endByte <= fromByte) return;
  const before = fstatSync(descriptor);
  await native.trim(descriptor, fromByte, endByte - fromByte);
  // If it has written meanwhile, the file's time is right to a moment.
  if (fstatSync(descriptor).size === before.size) {
    futimesSync(descriptor, before.atimeMs / 1000, before.mtimeMs / 1000);
  }
}

function floorToBlock(byte: number): number {
  return byte - (byte % blockBytes);
}

function cannotCut(why: string, { output }: Pick<SessionFiles, "output">, cause: unknown): Failure {
  return new Failure("UNAVAILABLE", why, { facts: { path: output }, cause });
}
