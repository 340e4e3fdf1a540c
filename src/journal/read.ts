import { statSync } from "node:fs";
import { failureFromErrno } from "../failure.ts";
import type { AnyEvent, EventKind } from "./event.ts";
import { linesBackward, type BackwardOptions } from "./lines-backward.ts";
import { parseEventLine } from "./parse-event.ts";

export interface ReadOptions extends Omit<BackwardOptions, "containing"> {
  /** Only these kinds; lines of others are passed over without being parsed, which is several times faster. */
  readonly kinds?: readonly EventKind[];
  /** Only events of this time or later. Reads no further back than it has to. */
  readonly since?: Date;
}

export interface LastEventsOptions extends ReadOptions {
  /** At most so many; all when absent. */
  readonly count?: number;
  readonly filter?: (event: AnyEvent) => boolean;
  /** Events of this time or earlier. */
  readonly until?: Date;
}

/**
 * So many events in a row must be older than `since` before reading stops. Clocks step: by NTP, or because a machine has
 * begun in 1970; what was written before that stands behind.
 */
const olderInARow = 1000;

/**
 * Yields the events of a log, newest first, reading it in chunks from its end. Torn lines and lines that are no events
 * are skipped. No file: no events.
 * @throws Failure `IO` and its like when the file cannot be read
 */
export function* readEventsBackward(path: string, options: ReadOptions = {}): Generator<AnyEvent> {
  const { kinds, since, ...backward } = options;
  // As the journal writes it. In a text of an event the quotes would be escaped.
  const wanted = kinds?.map((kind) => Buffer.from(`"event":"${kind}"`));
  const lines = linesBackward(path, { ...backward, ...(wanted === undefined ? {} : { containing: wanted }) });
  let older = 0;
  for (const line of lines) {
    const event = parseEventLine(line.toString("utf8"));
    if (event === null) continue;
    const isOlder = since !== undefined && Date.parse(event.time) < since.getTime();
    older = isOlder ? older + 1 : 0;
    if (older > olderInARow) return;
    if (isOlder || !(kinds?.some((kind) => kind === event.event) ?? true)) continue;
    yield event;
  }
}

/**
 * The last events of a log that pass the filter, oldest first. Reads no further back than needed.
 * @throws Failure like `readEventsBackward`
 */
export function lastEvents(path: string, options: LastEventsOptions = {}): AnyEvent[] {
  const { count = Number.POSITIVE_INFINITY, filter = () => true } = options;
  const untilMs = options.until?.getTime() ?? Number.POSITIVE_INFINITY;
  const found: AnyEvent[] = [];
  if (count <= 0) return found;
  for (const event of readEventsBackward(path, options)) {
    if (Date.parse(event.time) > untilMs || !filter(event)) continue;
    found.push(event);
    if (found.length >= count) break;
  }
  return found.toReversed();
}

/**
 * Where a log ends now, in bytes. What `lastEvents` finds before this byte (`endByte`) and what `followEvents` yields
 * after it (`fromByte`) is the whole log, with no gap and no overlap. 0 when there is no file.
 */
export function endOfLog(path: string): number {
  try {
    return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  } catch (error) {
    throw failureFromErrno(error, "read", path);
  }
}
