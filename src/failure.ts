/** Every way holdfast can refuse or fail; `cli/exit-codes.ts` gives each its number. */
export type FailureCode =
  | "USAGE"
  | "DATA"
  | "NO_SESSION"
  | "SESSION_MISMATCH"
  | "UNAVAILABLE"
  | "INTERNAL"
  | "CANNOT_CREATE"
  | "IO"
  | "BUSY"
  | "WAIT_TIMEOUT"
  | "AGENTS_RUNNING"
  | "NOT_PERMITTED"
  | "CONFIG"
  | "LOCK_LOST"
  | "RUN_TIMEOUT"
  | "IDLE_TIMEOUT"
  | "NOT_EXECUTABLE"
  | "NOT_FOUND"
  | "START_FAILED";

/** The facts a failure carries beside its message: paths, PIDs, the holder. JSON-safe, snake_case. */
export type FailureFacts = Readonly<Record<string, unknown>>;

/** A command to type next, complete (`holdfast join demo`), and what it does in two words (`join it`). */
export interface NextStep {
  readonly does: string;
  readonly command: string;
}

export interface FailureDetails {
  /** Most useful first. */
  readonly next?: readonly NextStep[];
  /** Whether the same call may succeed later by itself; decided by the code when absent. */
  readonly retryable?: boolean;
  readonly facts?: FailureFacts;
  readonly cause?: unknown;
}

/** Codes for which the same call may succeed later without anyone changing anything. */
const retryableCodes: ReadonlySet<FailureCode> = new Set(["BUSY", "WAIT_TIMEOUT", "AGENTS_RUNNING"]);

/**
 * The one error class: something a user can understand and act on.
 * Thrown where it is known; what nobody on the way can go on without is told once, by `main`. Anything else that is thrown is
 * a bug (`INTERNAL`).
 */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly code: FailureCode;
  readonly next: readonly NextStep[];
  readonly retryable: boolean;
  readonly facts: FailureFacts;

  constructor(code: FailureCode, message: string, details: FailureDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.next = details.next ?? [];
    this.facts = details.facts ?? {};
    this.retryable = details.retryable ?? retryableCodes.has(code);
  }
}

/** The errno name (`ENOENT`) of a system error, or `undefined` for anything else. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

/** Whether it is an error of the system, with one of these errnos. */
export function isErrno(error: unknown, ...errnos: readonly string[]): boolean {
  const errno = errnoOf(error);
  return errno !== undefined && errnos.includes(errno);
}

/** What an errno means to a person, and which failure it is. Anything not listed is `IO`. */
const errnoMeanings: Readonly<Record<string, readonly [FailureCode, string]>> = {
  EACCES: ["CANNOT_CREATE", "permission denied"],
  EPERM: ["CANNOT_CREATE", "operation not permitted"],
  EROFS: ["CANNOT_CREATE", "the file system is read-only"],
  ENOSPC: ["CANNOT_CREATE", "the disk is full"],
  EDQUOT: ["CANNOT_CREATE", "the disk quota is used up"],
  ENOTDIR: ["CANNOT_CREATE", "a part of the path is not a directory"],
  ENOENT: ["IO", "no such file or directory"],
  EISDIR: ["IO", "it is a directory"],
  ELOOP: ["IO", "it is a symbolic link, or leads over too many of them"],
  ENAMETOOLONG: ["CANNOT_CREATE", "the name is too long"],
  EMFILE: ["IO", "too many open files in this process"],
  ENFILE: ["IO", "too many open files on this machine"],
  EAGAIN: ["IO", "a limit of processes or memory is reached"],
  ENOMEM: ["IO", "out of memory"],
  ETXTBSY: ["IO", "somebody is writing to it"],
  E2BIG: ["IO", "arguments and environment are too long"],
  EIO: ["IO", "the disk or the network fails"],
  ESTALE: ["IO", "the file server has lost it"],
};

/** An errno in words, with its name: "the disk is full (ENOSPC)". */
export function errnoText(errno: string): string {
  const [, meaning] = errnoMeanings[errno] ?? [];
  return meaning === undefined ? errno : `${meaning} (${errno})`;
}

/**
 * Turns a system error into a `Failure`, once, at the edge where it happened.
 * @param operation what was tried, in the infinitive: "create the state directory"
 * @param path the path it was tried on
 * A `Failure` passes through unchanged; an error without errno is rethrown, because it is a bug.
 */
export function failureFromErrno(error: unknown, operation: string, path: string): Failure {
  if (error instanceof Failure) return error;
  const errno = errnoOf(error);
  if (errno === undefined) throw error;
  const [code] = errnoMeanings[errno] ?? ["IO"];
  return new Failure(code, `Cannot ${operation}: ${errnoText(errno)}\n${path}`, {
    facts: { path, errno },
    cause: error,
  });
}

/** `DATA`: a file in a format that this version does not know. @param what it is: `claim` */
export function writtenByNewer(what: string, version: number, path: string): Failure {
  return new Failure("DATA", `This ${what} was written by a newer holdfast (format ${version})\n${path}`, {
    facts: { path, schema_version: version },
    next: [{ does: "see which this one is, and use the newer", command: "holdfast version" }],
  });
}

/** The words of anything that was thrown, for a log line. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
