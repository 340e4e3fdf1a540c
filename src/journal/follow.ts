import type { AnyEvent } from "./event.ts";
import { FileWatcher } from "./file-watcher.ts";
import { GrowingFile, type Grown } from "./growing-file.ts";
import { parseEventLine } from "./parse-event.ts";
import type { FilePiece, KeptFrom } from "./read-kept.ts";

export interface FollowOptions {
  /** Where to begin; 0 when absent. */
  readonly fromByte?: number;
  /** Ends the generator, which then returns. */
  readonly signal?: AbortSignal;
  /** From where on the file is kept; all of it when absent. */
  readonly keptFrom?: KeptFrom;
}

export interface FollowEventsOptions extends FollowOptions {
  /** True: only what is appended from now on. */
  readonly fromEnd?: boolean;
}

const newline = 0x0a;
/** A line longer than this is none of ours. */
const longestLineBytes = 1024 * 1024;

/**
 * Follows a file that grows: yields what is there from `fromByte` on, then what is appended, as it is appended, until
 * the signal aborts. Nothing is read twice. A file that became shorter (truncated), or that was removed and made anew,
 * is followed from its start; one that does not exist yet, from when it does. What is not kept any more is passed
 * over.
 * A file truncated and grown beyond the old size between two looks cannot be told from one that only grew.
 * @throws Failure `IO` and its like when the file cannot be read
 */
export async function* followFile(path: string, options: FollowOptions = {}): AsyncGenerator<FilePiece> {
  yield* followPieces(path, options);
}

/**
 * Follows an event log in the same way; yields each event once its line is complete. Lines that are no events are
 * skipped.
 */
export async function* followEvents(path: string, options: FollowEventsOptions = {}): AsyncGenerator<AnyEvent> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const { bytes, restarted } of followPieces(path, options)) {
    const pending = restarted || rest.length > longestLineBytes ? bytes : Buffer.concat([rest, bytes]);
    let start = 0;
    for (let end = pending.indexOf(newline); end !== -1; end = pending.indexOf(newline, start)) {
      const event = parseEventLine(pending.toString("utf8", start, end));
      start = end + 1;
      if (event !== null) yield event;
    }
    rest = pending.subarray(start);
  }
}

async function* followPieces(path: string, options: FollowEventsOptions): AsyncGenerator<Grown> {
  const { signal } = options;
  const isOver = (): boolean => signal?.aborted ?? false;
  // Before the first look, so that nothing is missed between them.
  const watcher = new FileWatcher(path, signal);
  const file = new GrowingFile(path, options.fromEnd === true ? "end" : (options.fromByte ?? 0), options.keptFrom);
  try {
    while (!isOver()) {
      const changed = watcher.nextChange();
      for (let piece = file.read(); piece !== null; piece = file.read()) {
        yield piece;
        if (isOver()) return;
      }
      await changed;
    }
  } finally {
    file.close();
    watcher.close();
  }
}
