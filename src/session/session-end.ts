import * as v from "valibot";
import type { Home } from "../home/locate.ts";
import { errorText, Failure } from "../failure.ts";
import { readEventsBackward } from "../journal/read.ts";
import { survivalReasons } from "../process/survivor.ts";
import { dropAllClients } from "./clients.ts";
import type { Context } from "./context.ts";
import { readAs } from "./read-as.ts";
import { makeSessionDirectory, sessionFiles, statOf, writeJson } from "./session-files.ts";
import { actorSchema, sessionSchema, type SessionInfo } from "./session-info.ts";

export const endReasons = [
  /** The agent's command ended by itself, whatever its exit code. */
  "exited",
  /** A signal that holdfast did not send ended the agent. */
  "signalled",
  /** `stop`, `cleanup`, or a signal to the keeper. */
  "stopped",
  "max_time",
  "idle_timeout",
  /** The agent could not be started, or was gone before it really ran. */
  "start_failed",
  "lock_lost",
  /** The keeper died without a word; whoever noticed wrote the end. */
  "lost",
] as const;

export type EndReason = (typeof endReasons)[number];

const endSchema = v.object({
  ended_at: v.string(),
  duration_seconds: v.number(),
  reason: v.picklist(endReasons),
  exit_code: v.nullable(v.number()),
  signal: v.nullable(v.string()),
  last_activity: v.string(),
  ended_by: v.nullable(actorSchema),
  stop_reason: v.nullable(v.string()),
  /** Every process that was ended with the session, and how; `exited`: it went by itself meanwhile. */
  processes: v.array(v.object({ pid: v.number(), command: v.string(), how: v.string(), started_at: v.string() })),
  /** Processes that outlived SIGKILL, or that may not be signalled: never silent about them. */
  survivors: v.array(
    v.object({
      pid: v.number(),
      command: v.string(),
      why: v.optional(v.picklist(survivalReasons), "survived_sigkill"),
    }),
  ),
});

/** How a session ended. */
export type SessionEnd = Readonly<v.InferOutput<typeof endSchema>>;

const recordSchema = v.object({
  schema_version: v.literal(1),
  /** Null in a record that does not say: the first ones did not. */
  lock: v.optional(v.nullable(v.string()), null),
  session: sessionSchema,
  end: endSchema,
});

export type SessionRecord = Readonly<v.InferOutput<typeof recordSchema>>;

/**
 * A session's end on its way to everybody: each step is taken whatever became of the ones before (R2.4), and what went
 * wrong is kept in words.
 */
export class EndWriter {
  readonly problems: string[] = [];
  readonly #context: Context;
  readonly #session: SessionInfo;
  readonly #end: SessionEnd;

  constructor(context: Context, session: SessionInfo, end: SessionEnd) {
    this.#context = context;
    this.#session = session;
    this.#end = end;
  }

  /** Tells its clients and the log: from here on the session has ended, and no death of this process changes that. */
  log(): void {
    const [context, session, end] = [this.#context, this.#session, this.#end];
    // The state directory may have been removed under the session.
    this.#step("directory", () => makeSessionDirectory(sessionFiles(context.home, session.uid)));
    this.#step("clients", () => dropAllClients(context, session));
    this.#step("log", () =>
      context.journal.append({
        event: "ended",
        lock: context.lock.name,
        session: session.id,
        uid: session.uid,
        ...(session.token === null ? {} : { token: session.token }),
        by: end.ended_by ?? context.by,
        ...end,
      }),
    );
  }

  /** In the place of a record that is there. */
  record(): void {
    const { home, lock } = this.#context;
    this.#step("record", () => {
      const files = sessionFiles(home, this.#session.uid);
      makeSessionDirectory(files);
      const session: SessionInfo = { ...this.#session, phase: "ended" };
      writeJson(files.record, { schema_version: 1, lock: lock.name, session, end: this.#end } satisfies SessionRecord);
    });
  }

  /** To the disk: a power failure does not change it either. */
  sync(): void {
    this.#step("log", () => this.#context.journal.sync());
  }

  #step(what: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.problems.push(`${what}: ${errorText(error)}`);
    }
  }
}

/**
 * Writes a session's end: to the clients, the log (on disk before this returns) and its record.
 * @returns what went wrong, in words; empty when nothing did
 */
export function writeEnd(context: Context, session: SessionInfo, end: SessionEnd): readonly string[] {
  const writer = new EndWriter(context, session, end);
  writer.log();
  writer.record();
  writer.sync();
  return writer.problems;
}

/**
 * The record of an ended session; null when it has none (it lives, or was forgotten).
 * @throws Failure `DATA`, `NOT_PERMITTED` when there is one that cannot be read
 */
export function readRecord(home: Home, uid: string): SessionRecord | null {
  const path = sessionFiles(home, uid).record;
  const record = readAs(recordKind, path);
  // What was copied from elsewhere must not speak for, or be the end of, another session.
  if (record !== null && record.session.uid !== uid) {
    throw new Failure("DATA", `This session's record is that of another session, ${record.session.uid}\n${path}`, {
      facts: { path },
      next: [forgetIt],
    });
  }
  return record;
}

const forgetIt = { does: "forget it", command: "holdfast cleanup --damaged" };

const recordKind = { what: "session's record", schema: recordSchema, next: () => forgetIt };

/** Whether a session has ended, going by there being a record, readable or not. */
export function hasRecord(home: Home, uid: string): boolean {
  return statOf(sessionFiles(home, uid).record) !== null;
}

/** How a session ended: from its record, else from the log; null when it has not ended, or that is forgotten. */
export function findEnd(context: Context, uid: string): SessionEnd | null {
  const record = readableRecord(context.home, uid);
  if (record !== null) return record.end;
  for (const event of readEventsBackward(context.home.log, { kinds: ["ended", "claimed"] })) {
    if (event.uid !== uid) continue;
    const parsed = v.safeParse(endSchema, event);
    return parsed.success ? parsed.output : null;
  }
  return null;
}

/**
 * How a session ended that has given the lock back just now: on disk when this returns, for its keeper may not have got
 * that far yet, and whoever asks is told.
 */
export function findFreshEnd(context: Context, uid: string): SessionEnd | null {
  const end = findEnd(context, uid);
  if (end !== null) context.journal.sync();
  return end;
}

/** Null also for one that cannot be read. */
export function readableRecord(home: Home, uid: string): SessionRecord | null {
  try {
    return readRecord(home, uid);
  } catch (error) {
    if (error instanceof Failure) return null;
    throw error;
  }
}

/** As `readRecord`, for who reports that this session has ended: the log has it on disk when this returns. */
export function readFreshRecord(context: Context, uid: string): SessionRecord | null {
  const record = readRecord(context.home, uid);
  if (record !== null) context.journal.sync();
  return record;
}

/** The end of a session whose agent never came to be started. */
export function neverStarted(session: SessionInfo): SessionEnd {
  const now = new Date();
  return {
    ended_at: now.toISOString(),
    duration_seconds: secondsBetween(session.created_at, now),
    reason: "start_failed",
    exit_code: null,
    signal: null,
    last_activity: session.created_at,
    ended_by: null,
    stop_reason: null,
    processes: [],
    survivors: [],
  };
}

/** Seconds from an ISO time to a date, to the millisecond, never negative. */
export function secondsBetween(from: string, to: Date): number {
  return Math.max(0, to.getTime() - Date.parse(from)) / 1000;
}
