import { closeSync, constants, fdatasyncSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf, Failure, failureFromErrno } from "../failure.ts";
import { whyForeign } from "../home/own-file.ts";
import { eventSchemaVersion, type EventInput } from "./event.ts";
import { fitLine } from "./fit-line.ts";

export interface AppendOptions {
  /** True: the event is on disk, not only in the kernel's memory, when `append` returns. */
  readonly durable?: boolean;
}

/** Called with each event that was appended, and its line as it stands in the log, without the newline. */
export type AppendObserver = (event: EventInput, line: string) => void;

const newline = 0x0a;
const { O_RDONLY, O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;

/**
 * The writing end of the event log. Every event is one line and one `write` with O_APPEND, so that processes which
 * append at the same time neither lose nor mix lines. Nothing is kept open between appends.
 */
export class Journal {
  readonly path: string;
  readonly #now: () => Date;
  readonly #onAppended: AppendObserver | undefined;

  constructor(path: string, now: () => Date = () => new Date(), onAppended?: AppendObserver) {
    this.path = path;
    this.#now = now;
    this.#onAppended = onAppended;
  }

  /**
   * Appends one event, with time and version added; a line above 64 KiB has its longest texts cut. The file is made
   * (mode 0600) when it is missing, its directory is not. A last line torn by a crash or a full disk is sealed first.
   * @throws Failure `IO`, `CANNOT_CREATE`; `NOT_PERMITTED` when another user may have put the log there, or can write to
   *   it. An event that could be written only in part is skipped by readers.
   */
  append(event: EventInput, options: AppendOptions = {}): void {
    const line = fitLine({ time: this.#now().toISOString(), schema_version: eventSchemaVersion, ...event });
    const descriptor = this.#open();
    try {
      const stats = fstatSync(descriptor);
      const reason = stats.isFile() ? whyForeign(stats) : "it is not a file";
      if (reason !== null) throw this.#untrusted(reason);
      this.#write(descriptor, endsTorn(descriptor) ? `\n${line}\n` : `${line}\n`);
      if (options.durable === true) fdatasyncSync(descriptor);
      // Whoever takes to the disk what comes later cannot know that the name is not there yet.
      if (stats.size === 0) syncDirectory(dirname(this.path));
    } catch (error) {
      throw failureFromErrno(error, "append to the event log", this.path);
    } finally {
      closeSync(descriptor);
    }
    this.#onAppended?.(event, line);
  }

  /**
   * Takes to the disk what has been appended so far, by whomever: no power failure loses it when this returns.
   * @throws Failure `IO`
   */
  sync(): void {
    try {
      // Without O_NONBLOCK, a FIFO that somebody put here would be waited for.
      const descriptor = openSync(this.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      try {
        fdatasyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
    } catch (error) {
      // Removed since, and all that was in it with it.
      if (errnoOf(error) !== "ENOENT") throw failureFromErrno(error, "take to the disk", this.path);
    }
  }

  #open(): number {
    try {
      return openSync(this.path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
    } catch (error) {
      if (errnoOf(error) !== "ELOOP") throw failureFromErrno(error, "open the event log", this.path);
      throw this.#untrusted("it is a symbolic link");
    }
  }

  #untrusted(reason: string): Failure {
    return new Failure(
      "NOT_PERMITTED",
      `The event log cannot be trusted: ${reason}\n${this.path}\nRemove or rename it.`,
      {
        facts: { path: this.path, reason },
      },
    );
  }

  #write(descriptor: number, text: string): void {
    const bytes = Buffer.from(text);
    const written = writeSync(descriptor, bytes);
    if (written === bytes.length) return;
    // Writing the rest now could put another process's line in between.
    throw new Failure(
      "IO",
      `Cannot append to the event log: only ${written} of ${bytes.length} bytes could be written (is the disk full?)\n${this.path}`,
      { facts: { path: this.path, written_bytes: written, line_bytes: bytes.length } },
    );
  }
}

/**
 * A write of another process that is under way can be seen in part, so look again. Were it still taken for a torn line,
 * there would be an empty line after it, which readers skip.
 */
function endsTorn(descriptor: number): boolean {
  const last = Buffer.alloc(1);
  for (let look = 1; look <= 3; look += 1) {
    const { size } = fstatSync(descriptor);
    if (size === 0 || readSync(descriptor, last, 0, 1, size - 1) === 0 || last[0] === newline) return false;
  }
  return true;
}

/** A new file is on disk when its directory's entry is. */
function syncDirectory(path: string): void {
  const descriptor = openSync(path, O_RDONLY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
