import { closeSync, openSync, readSync } from "node:fs";
import { failureFromErrno, isErrno } from "../failure.ts";

/** Files of /proc have no size; most are below a page, which one read returns whole. */
const buffer = Buffer.allocUnsafeSlow(64 * 1024);

/** Why a file below /proc/PID cannot be read: the process is gone, or it is hidden from this user. */
export type ProcRefusal = "gone" | "hidden";

/**
 * The bytes of a file below /proc, of which the next call overwrites the memory: use them at once.
 * Three system calls instead of the five of `readFileSync`, which counts when a machine has thousands of processes.
 * @throws Failure `IO` for anything but a process that is gone or not ours to see
 */
export function readProcFile(path: string): Buffer | ProcRefusal {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (error) {
    return refusalOf(error, path);
  }
  try {
    const length = readSync(descriptor, buffer, 0, buffer.length, null);
    return length < buffer.length ? buffer.subarray(0, length) : readRest(descriptor);
  } catch (error) {
    return refusalOf(error, path);
  } finally {
    closeSync(descriptor);
  }
}

/** For environments and command lines above 64 KiB; both may be as large as the kernel's argument limit. */
function readRest(descriptor: number): Buffer {
  const chunks = [Buffer.from(buffer)];
  for (;;) {
    const length = readSync(descriptor, buffer, 0, buffer.length, null);
    if (length === 0) return Buffer.concat(chunks);
    chunks.push(Buffer.from(buffer.subarray(0, length)));
  }
}

/**
 * A process that ends between open and read gives ESRCH; `hidepid=1` and other users' files give EACCES or EPERM.
 * @throws Failure `IO` for anything else
 */
export function refusalOf(error: unknown, path: string): ProcRefusal {
  if (isErrno(error, "ENOENT", "ESRCH", "ENOTDIR")) return "gone";
  if (isErrno(error, "EACCES", "EPERM")) return "hidden";
  throw failureFromErrno(error, "look at a process", path);
}
