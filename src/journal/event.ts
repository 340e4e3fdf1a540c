/** The version of the log's lines. A reader meets newer ones when an older holdfast runs beside a newer one. */
export const eventSchemaVersion = 1;

/** Who did it: an operating system user, and the name they go by (`--as`, HOLDFAST_AS). */
export interface Actor {
  readonly user: string;
  readonly host: string;
  readonly pid: number;
  readonly tty: string | null;
  readonly name?: string | undefined;
}

/** A process that was ended, and how: the signal that did it, `"stop_command"`, or `"exited"` when it went by itself. */
interface EndedProcess {
  readonly pid: number;
  readonly command: string;
  readonly how: string;
  /** ISO 8601; null when it could not be known. */
  readonly started_at: string | null;
}

interface EventClient {
  readonly uid: string;
  readonly name: string;
  readonly pid: number;
}

/** Why a session ended, as a log may say. Those that this version writes are in `session-end.ts`. */
type EndReason =
  | "exited"
  | "stopped"
  | "signalled"
  | "killed"
  | "max_time"
  | "idle_timeout"
  | "timeout"
  | "lost"
  | "lock_lost"
  | "start_failed"
  | "agents_running";

/** What every event says. */
export interface EventBase {
  readonly schema_version: number;
  /** ISO 8601, UTC, milliseconds, `Z`. */
  readonly time: string;
  /** The lock's name. */
  readonly lock: string;
  /** The session's id, as a person knows it. */
  readonly session?: string;
  readonly uid?: string;
  readonly token?: number;
  readonly by?: Actor;
  /** True when texts or lists were cut to keep the line short. */
  readonly truncated?: true;
  /** Set by the reader: `schema_version` is above this version's, so it may say more than is understood here. */
  readonly newer?: true;
}

/** What each kind of event says beside `EventBase`. */
export interface EventFields {
  /** The lock was taken. */
  claimed: { command: readonly string[]; cwd: string; note?: string; owner?: string };
  /** The agent runs. */
  started: { pid: number; command: readonly string[] };
  start_failed: { reason: string; message: string };
  ready: { after_seconds?: number };
  restarted: { pid: number; restarts: number; exit_code?: number | null; signal?: string | null };
  joined: { client: EventClient };
  left: { client: EventClient; reason: "left" | "ended" | "gone" };
  /** Somebody typed into the agent's terminal (`join --send`). */
  typed: { lines: number };
  stop_requested: { reason?: string; signal?: string };
  ended: {
    ended_at: string;
    duration_seconds: number;
    exit_code: number | null;
    signal: string | null;
    reason: EndReason;
    /** ISO 8601: the agent's last output, or the last sign of life. */
    last_activity: string | null;
    processes: readonly EndedProcess[];
    /** Who ordered the end; null when nobody did. */
    ended_by?: Actor | null;
    stop_reason?: string | null;
    /** What outlived SIGKILL, or may not be signalled. */
    survivors?: readonly { pid: number; command: string; why?: string }[];
    message?: string;
  };
  /** A process was ended apart from the end of its session's agent. */
  process_ended: { pid: number; command: string; how: string; why: string };
  /** A clean-up did something, or a step of an ending failed: what, why, and with what result. */
  cleaned: { what: string; why: string; result: string };
  /** An ended session was forgotten. */
  removed: { why: string; ended_at?: string | null };
  queued: { position?: number; ticket?: number; command?: readonly string[]; note?: string; owner?: string };
  unqueued: { reason: string; ticket?: number };
  /** Processes of a session live on without its keeper. */
  orphaned: { processes: readonly { pid: number; command: string }[] };
  /** The oldest part of the agent's output was given up, for the first time. */
  output_cut: { limit_bytes: number; first_byte: number };
  /** It cannot be, and all of it is kept. */
  output_not_cut: { limit_bytes: number; reason: string };
  lock_lost: { reason?: string };
  lock_restored: { reason?: string };
  hook_failed: { hook: string; command: string; exit_code: number | null; signal: string | null; message: string };
}

export type EventKind = keyof EventFields;

type EventOf<Kind extends EventKind> = EventBase & { readonly event: Kind } & Readonly<EventFields[Kind]>;
type InputOf<Kind extends EventKind> = Omit<EventBase, "schema_version" | "time" | "truncated" | "newer"> & {
  readonly event: Kind;
} & Readonly<EventFields[Kind]>;

/** Every event of this version, told apart by `event`. */
export type KnownEvent = { [Kind in EventKind]: EventOf<Kind> }[EventKind];

/** What `Journal.append` is given: the journal adds version and time. */
export type EventInput = { [Kind in EventKind]: InputOf<Kind> }[EventKind];

/** One kind of event: `EventNamed<"ended">`. */
export type EventNamed<Kind extends EventKind> = EventOf<Kind>;

/** Stands for every kind but those of `EventFields`, so that comparing `event` tells the known ones apart. */
declare enum ForeignKind {
  any = "any text",
}

/**
 * An event that this version does not understand: written by a newer one. Of a kind unknown here, or of a known kind in
 * a new shape; the latter goes by `kind@version` (`ended@2`), so that nobody takes it for the kind they know.
 */
export interface GenericEvent extends EventBase {
  readonly event: ForeignKind;
  readonly [field: string]: unknown;
}

export type AnyEvent = KnownEvent | GenericEvent;
