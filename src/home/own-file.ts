import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, type Stats } from "node:fs";
import { errnoOf, Failure, failureFromErrno, isErrno } from "../failure.ts";

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** Why what these are of may be another user's doing; null when it is this user's alone. */
export function whyForeign(stats: Stats): string | null {
  return whoseElse(stats) ?? whoElseWrites(stats);
}

function whoseElse({ uid }: Stats): string | null {
  const userId = process.geteuid?.() ?? uid;
  return uid === userId ? null : `it belongs to ${userText(uid)}, and this process runs as ${userText(userId)}`;
}

/** `dev`, or `user id 1000` where the machine has no list of its users, or not this one in it. */
function userText(uid: number): string {
  try {
    const lines = readFileSync("/etc/passwd", "utf8").split("\n");
    const [name] = lines.map((line) => line.split(":")).find(([, , id]) => id === String(uid)) ?? [];
    return name ?? `user id ${uid}`;
  } catch {
    return `user id ${uid}`;
  }
}

function whoElseWrites({ mode }: Stats): string | null {
  if (process.geteuid === undefined || (mode & 0o022) === 0) return null;
  return `other users can write to it (mode ${(mode & 0o7777).toString(8).padStart(4, "0")})`;
}

/**
 * Opens a file of the state directory to read it; null when there is none.
 * @throws Failure `NOT_PERMITTED` when another user has put it there: it is a link, no file, or theirs
 */
export function openOwnFile(path: string, operation = "read"): number | null {
  try {
    // Without O_NONBLOCK, opening a FIFO that somebody put here would wait for its writer.
    return checked(openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return null;
    throw refusedIfLink(error, operation, path);
  }
}

/** A session carries its command line, which may have megabytes. */
const mostBytes = 32 * 1024 * 1024;

/**
 * A whole small file of the state directory as text; null when there is none.
 * @throws Failure as `openOwnFile`, and when others can write to it; `DATA` when it is larger than any of ours
 */
export function readOwnFile(path: string): string | null {
  const descriptor = openOwnFile(path, "read a file");
  if (descriptor === null) return null;
  try {
    const stats = fstatSync(descriptor);
    const reason = whoElseWrites(stats);
    if (reason !== null) throw untrusted(path, reason);
    if (stats.size > mostBytes) throw tooLarge(path, stats.size);
    return readFileSync(descriptor, "utf8");
  } catch (error) {
    throw failureFromErrno(error, "read a file", path);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Opens a file of the state directory to append to it, and makes it (mode 0600) when there is none.
 * @param what is opened, for messages: "the agent's output"
 * @throws Failure as `openOwnFile`
 */
export function openOwnFileToAppend(path: string, what: string): number {
  try {
    // Opening a FIFO would wait for its reader; O_NONBLOCK would be inherited by the agent.
    if (lstatSync(path, { throwIfNoEntry: false })?.isFIFO() === true) throw untrusted(path, "it is not a file");
    return checked(openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600), path);
  } catch (error) {
    throw refusedIfLink(error, `open ${what}`, path);
  }
}

function tooLarge(path: string, bytes: number): Failure {
  return new Failure("DATA", `This file cannot be read: it has ${bytes} bytes, and none of ours is so large\n${path}`, {
    facts: { path },
  });
}

function checked(descriptor: number, path: string): number {
  const stats = fstatSync(descriptor);
  const reason = stats.isFile() ? whoseElse(stats) : "it is not a file";
  if (reason === null) return descriptor;
  closeSync(descriptor);
  throw untrusted(path, reason);
}

/** `NOT_PERMITTED`: what is at this path may be another user's doing. */
export function untrusted(path: string, reason: string): Failure {
  return new Failure(
    "NOT_PERMITTED",
    `This file cannot be trusted: ${reason}\n${path}\nRemove it, if it is not yours.`,
    {
      facts: { path, reason },
    },
  );
}

function refusedIfLink(error: unknown, operation: string, path: string): Failure {
  return errnoOf(error) === "ELOOP"
    ? untrusted(path, "it is a symbolic link")
    : failureFromErrno(error, operation, path);
}
