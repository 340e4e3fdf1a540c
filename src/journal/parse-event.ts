import { namePattern } from "../home/names.ts";
import { eventSchemaVersion, type AnyEvent, type EventKind, type GenericEvent, type KnownEvent } from "./event.ts";

type Fields = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isNumber: Check = (value) => typeof value === "number";
const isTextOrNull: Check = (value) => value === null || isText(value);
const isNumberOrNull: Check = (value) => value === null || isNumber(value);
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText);
/** As `Date.toISOString` writes it; asked first, being five times faster than `Date.parse`. */
const usualTime = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;
const isTime: Check = (value) =>
  typeof value === "string" && (usualTime.test(value) || !Number.isNaN(Date.parse(value)));
const isTimeOrNull: Check = (value) => value === null || isTime(value);
/** Names and uids become parts of paths. */
const isName: Check = (value) => typeof value === "string" && namePattern.test(value);
const isActor = shape({ user: isText, host: isText, pid: isNumber, tty: isTextOrNull }, { name: isText });
const isClient = shape({ uid: isText, name: isText, pid: isNumber });
const isActorOrNull: Check = (value) => value === null || isActor(value);
const isProcesses = listOf(shape({ pid: isNumber, command: isText }));
const isSurvivors = listOf(shape({ pid: isNumber, command: isText }, { why: isText }));
const isEndedProcesses = listOf(shape({ pid: isNumber, command: isText, how: isText, started_at: isTextOrNull }));
const exit = { exit_code: isNumberOrNull, signal: isTextOrNull };

const isBase = shape(
  { schema_version: isNumber, time: isTime, event: isText, lock: isName },
  { session: isName, uid: isName, token: isNumber, by: isActor, truncated: (value) => value === true },
);

/** What each kind must look like; a mirror of `EventFields`. */
const shapeOf: Readonly<Record<EventKind, Check>> = {
  claimed: shape({ command: isTexts, cwd: isText }, { note: isText, owner: isText }),
  started: shape({ pid: isNumber, command: isTexts }),
  start_failed: shape({ reason: isText, message: isText }),
  ready: shape({}, { after_seconds: isNumber }),
  restarted: shape({ pid: isNumber, restarts: isNumber }, exit),
  joined: shape({ client: isClient }),
  left: shape({ client: isClient, reason: isText }),
  typed: shape({ lines: isNumber }),
  stop_requested: shape({}, { reason: isText, signal: isText }),
  ended: shape(
    {
      ...exit,
      ended_at: isTime,
      duration_seconds: isNumber,
      reason: isText,
      last_activity: isTimeOrNull,
      processes: isEndedProcesses,
    },
    { ended_by: isActorOrNull, stop_reason: isTextOrNull, survivors: isSurvivors, message: isText },
  ),
  process_ended: shape({ pid: isNumber, command: isText, how: isText, why: isText }),
  cleaned: shape({ what: isText, why: isText, result: isText }),
  removed: shape({ why: isText }, { ended_at: isTimeOrNull }),
  queued: shape({}, { position: isNumber, ticket: isNumber, command: isTexts, note: isText, owner: isText }),
  unqueued: shape({ reason: isText }, { ticket: isNumber }),
  orphaned: shape({ processes: isProcesses }),
  output_cut: shape({ limit_bytes: isNumber, first_byte: isNumber }),
  output_not_cut: shape({ limit_bytes: isNumber, reason: isText }),
  lock_lost: shape({}, { reason: isText }),
  lock_restored: shape({}, { reason: isText }),
  hook_failed: shape({ hook: isText, command: isText, ...exit, message: isText }),
};

/** Every kind of event that this version knows. */
export const eventKinds: readonly string[] = Object.keys(shapeOf);

const shapes: ReadonlyMap<string, Check> = new Map(Object.entries(shapeOf));

/**
 * Reads one line of the log. Checked by hand and not by a schema library, for `logs` and `stats` read many.
 * @returns null for a line that is torn, or no event; never throws
 */
export function parseEventLine(line: string): AnyEvent | null {
  if (!line.startsWith("{")) return null;
  let fields: unknown;
  try {
    fields = JSON.parse(line);
  } catch {
    return null;
  }
  return isBaseEvent(fields) ? understand(fields) : null;
}

function understand(event: GenericEvent): AnyEvent | null {
  const { schema_version: version } = event;
  const misfit = shapes.has(event.event) && !isKnownEvent(event);
  if (version > eventSchemaVersion) {
    const foreign: unknown = { ...event, newer: true, ...(misfit && { event: `${event.event}@${version}` }) };
    return isBaseEvent(foreign) ? foreign : null;
  }
  // A kind that is unknown here, without a new version: kinds may be added, shapes may not change.
  return misfit ? null : event;
}

function isBaseEvent(value: unknown): value is GenericEvent {
  return isBase(value);
}

/** Whether an event is of a kind and shape of this version. */
export function isKnownEvent(event: AnyEvent): event is KnownEvent {
  return shapes.get(event.event)?.(event) ?? false;
}

/** An object with these fields, and perhaps those. Fields that are not named are let pass. */
function shape(required: Readonly<Record<string, Check>>, optional: Readonly<Record<string, Check>> = {}): Check {
  const must = Object.entries(required);
  const may = Object.entries(optional);
  return (value) =>
    isFields(value) &&
    must.every(([name, check]) => check(value[name])) &&
    may.every(([name, check]) => value[name] === undefined || check(value[name]));
}

function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every((entry) => check(entry));
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}
