import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import * as v from "valibot";
import { errnoOf, Failure, failureFromErrno, writtenByNewer } from "../failure.ts";
import { untrusted, whyForeign } from "../home/own-file.ts";

/** What this version writes, and the newest it can read. */
const claimSchemaVersion = 1;

/** A `ProcessIdentity` as a file says it. */
export const identitySchema = v.object({
  pid: v.pipe(v.number(), v.integer(), v.minValue(1)),
  started: v.string(),
  boot: v.string(),
  pid_ns: v.string(),
  host: v.string(),
});

const pulseSchema = v.variant("kind", [
  v.object({ kind: v.literal("kernel") }),
  v.object({
    kind: v.literal("lease"),
    lease: v.pipe(v.string(), v.regex(/^\.lease-[0-9a-z]+$/)),
    stale_ms: v.pipe(v.number(), v.minValue(1000)),
  }),
]);

const claimSchema = v.object({
  schema_version: v.literal(claimSchemaVersion),
  lock: v.string(),
  token: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  state: v.picklist(["held", "released"]),
  /** `maintenance`: taken for a moment to close what a dead session left; never shown as a session. */
  purpose: v.picklist(["session", "maintenance", "ticket"]),
  /** How many may hold the lock at once, as this contender sees it. */
  slots: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1)), 1),
  pulse: pulseSchema,
  owner: identitySchema,
  since: v.string(),
  /** What the lock is held for; the lock itself never looks inside. */
  info: v.unknown(),
});

const newerSchema = v.object({ schema_version: v.pipe(v.number(), v.gtValue(claimSchemaVersion)) });

/** One line of a claim file. */
export type ClaimRecord = Readonly<v.InferOutput<typeof claimSchema>>;

/** Enough for the last line of nearly every claim. A command line may have megabytes, so the tail grows to the most. */
const tailBytes = 64 * 1024;
const mostTailBytes = 32 * 1024 * 1024;

/** With the newline that makes the line complete; where nothing is said of it, `info` is null. */
export function formatClaim(record: ClaimRecord): string {
  // JSON has no `undefined`: without this, a claim of which nothing is said could not be read again.
  return `${JSON.stringify({ ...record, info: record.info ?? null })}\n`;
}

/**
 * Reads a claim: the last complete line wins.
 * @returns null when the file does not exist
 * @throws Failure `DATA` when it is not a claim or was written by a newer holdfast; `NOT_PERMITTED` when another
 * user owns it; `IO` when it cannot be read
 */
export function readClaim(path: string): ClaimRecord | null {
  const text = readTail(path);
  return text === null ? null : parseClaim(text, path);
}

/** @param path only for messages */
export function parseClaim(text: string, path: string): ClaimRecord {
  const lines = text.split("\n").slice(0, -1);
  const last = lines.findLast((line) => line.trim() !== "");
  let value: unknown;
  try {
    value = JSON.parse(last ?? "");
  } catch {
    throw unreadable(path, last === undefined ? "it has no complete line" : "its last line is not JSON");
  }
  const parsed = v.safeParse(claimSchema, value);
  if (parsed.success) return parsed.output;
  const newer = v.safeParse(newerSchema, value);
  if (newer.success) throw writtenByNewer("claim", newer.output.schema_version, path);
  const issue = parsed.issues[0];
  throw unreadable(path, `${v.getDotPath(issue) ?? "claim"}: ${issue.message}`);
}

/** Whether a claim could not be read for being damaged. What a newer holdfast has written is not: it may well be held. */
export function isDamage(error: unknown): boolean {
  return error instanceof Failure && error.code === "DATA" && error.facts["schema_version"] === undefined;
}

/** Why a claim cannot be read or judged. @throws what says nothing of that: it is a bug, and nothing goes on beside it */
export function asUnreadable(error: unknown): Failure {
  if (error instanceof Failure && error.code !== "INTERNAL") return error;
  throw error;
}

function unreadable(path: string, why: string): Failure {
  return new Failure("DATA", `This claim cannot be read: ${why}\n${path}`, {
    facts: { path },
    next: [{ does: "repair it", command: "holdfast cleanup --damaged" }],
  });
}

function readTail(path: string): string | null {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return null;
    if (errnoOf(error) === "ELOOP") throw unreadable(path, "it is a symbolic link");
    throw failureFromErrno(error, "read a claim", path);
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw unreadable(path, "it is not a file");
    const reason = whyForeign(stat);
    if (reason !== null) throw untrusted(path, reason);
    for (let bytes = tailBytes; ; bytes = Math.min(bytes * 8, mostTailBytes)) {
      const buffer = Buffer.alloc(Math.min(stat.size, bytes));
      const length = readSync(descriptor, buffer, 0, buffer.length, stat.size - buffer.length);
      const tail = buffer.subarray(0, length);
      if (buffer.length === stat.size || bytes === mostTailBytes || hasWholeLine(tail)) return tail.toString("utf8");
    }
  } catch (error) {
    throw failureFromErrno(error, "read a claim", path);
  } finally {
    closeSync(descriptor);
  }
}

/** Whether a line both begins and ends in these bytes. */
function hasWholeLine(bytes: Buffer): boolean {
  const end = bytes.lastIndexOf(0x0a);
  return end > 0 && bytes.lastIndexOf(0x0a, end - 1) >= 0;
}
