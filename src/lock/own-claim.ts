import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  linkSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  writeSync,
} from "node:fs";
import { errnoOf, Failure, failureFromErrno, isErrno } from "../failure.ts";
import { shellWord } from "../home/shell-word.ts";
import type { ClaimDirectory } from "./claim-directory.ts";
import { unlinkIfThere } from "./claim-directory.ts";
import { formatClaim, type ClaimRecord } from "./claim-record.ts";
import type { Beat, Pulse } from "./pulse.ts";

/** The part of a claim that its contender decides; the number and the pulse are added when it is published. */
export type ClaimDraft = Omit<ClaimRecord, "token" | "pulse" | "schema_version" | "lock">;

/** A claim file of this process: beating, written, and then linked under a number. */
export class OwnClaim {
  readonly #directory: ClaimDirectory;
  readonly #descriptor: number;
  readonly #beat: Beat;
  /** Null as long as nothing is written. */
  #record: ClaimRecord | null;
  #temporaryPath: string | null;
  #discarded = false;

  private constructor(
    directory: ClaimDirectory,
    descriptor: number,
    beat: Beat,
    record: ClaimRecord | null,
    temporary: string | null,
  ) {
    this.#directory = directory;
    this.#descriptor = descriptor;
    this.#beat = beat;
    this.#record = record;
    this.#temporaryPath = temporary;
  }

  /** An empty file with a beating pulse that nobody knows. */
  static async draft(directory: ClaimDirectory, pulse: Pulse): Promise<OwnClaim> {
    const path = directory.temporaryPath();
    const { O_CREAT, O_EXCL, O_RDWR, O_APPEND, O_NOFOLLOW } = constants;
    let descriptor: number;
    try {
      descriptor = openSync(path, O_CREAT | O_EXCL | O_RDWR | O_APPEND | O_NOFOLLOW, 0o600);
    } catch (error) {
      throw failureFromErrno(error, "write a claim", path);
    }
    try {
      return new OwnClaim(directory, descriptor, await pulse.begin(path, descriptor), null, path);
    } catch (error) {
      closeSync(descriptor);
      unlinkIfThere(path);
      throw failureFromErrno(error, "begin the pulse of a claim", path);
    }
  }

  /** Carries on a claim that was handed over. */
  static async adopt(
    directory: ClaimDirectory,
    pulse: Pulse,
    record: ClaimRecord,
    inherited: number | null,
  ): Promise<OwnClaim> {
    const path = directory.pathOf(record.token);
    try {
      const descriptor = inherited ?? openSync(path, constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW);
      const beat = await pulse.begin(path, descriptor, record.pulse);
      return new OwnClaim(directory, descriptor, beat, record, null);
    } catch (error) {
      throw failureFromErrno(error, "carry on the claim", path);
    }
  }

  /** As it was last written. @throws Failure `INTERNAL` when it never was */
  get record(): ClaimRecord {
    if (this.#record === null) throw new Failure("INTERNAL", "This claim has not been published");
    return this.#record;
  }

  /** To be inherited, see `Beat`. */
  get descriptor(): number | null {
    return this.#beat.descriptor;
  }

  get isOver(): boolean {
    return this.#discarded;
  }

  get beat(): Beat {
    return this.#beat;
  }

  /** Where its number leads, whatever is there by now. @throws as `record` */
  get path(): string {
    return this.#directory.pathOf(this.record.token);
  }

  /**
   * Writes the claim and links it under the number (`link(2)`): `published` for exactly one contender, `taken` for the
   * others. `swept`: this file was taken for one that a dead contender left behind, and is gone.
   */
  publish(number: number, draft: ClaimDraft): "published" | "taken" | "swept" {
    const temporary = this.#temporaryPath;
    if (temporary === null) throw new Failure("INTERNAL", "A claim is published once");
    if (!Number.isSafeInteger(number)) throw usedUp(this.#directory.pathOf(number - 1));
    const { lock } = this.#directory;
    this.#write({ schema_version: 1, lock, token: number, pulse: this.#beat.mark, ...draft });
    try {
      linkSync(temporary, this.#directory.pathOf(number));
      return "published";
    } catch (error) {
      if (errnoOf(error) === "EEXIST") return "taken";
      if (errnoOf(error) === "ENOENT" && existsSync(this.#directory.directory)) return "swept";
      if (isErrno(error, "EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS")) {
        throw new Failure("UNAVAILABLE", `This file system has no hard links, which the lock needs\n${temporary}`, {
          facts: { path: temporary, errno: errnoOf(error) },
          next: [{ does: "keep the state elsewhere", command: "HOLDFAST_STATE_DIR=/var/tmp/holdfast holdfast …" }],
          cause: error,
        });
      }
      throw failureFromErrno(error, "publish the claim", temporary);
    }
  }

  /** The claim is taken: nobody needs its first name any more. */
  settle(): void {
    if (this.#temporaryPath !== null) unlinkIfThere(this.#temporaryPath);
    this.#temporaryPath = null;
  }

  /** Appends a line: the last complete one wins. Only the owner writes. */
  append(change: Partial<ClaimRecord>): void {
    this.#write({ ...this.record, ...change });
  }

  #write(record: ClaimRecord): void {
    try {
      appendLine(this.#descriptor, formatClaim(record));
      this.#record = record;
    } catch (error) {
      throw failureFromErrno(error, "write the claim", this.#directory.pathOf(record.token));
    }
  }

  /** Whether this path leads to this very file; false when there is nothing. @throws Failure when it cannot be told */
  isLinkedAs(path: string): boolean {
    try {
      const named = statSync(path);
      const own = fstatSync(this.#descriptor);
      return named.ino === own.ino && named.dev === own.dev;
    } catch (error) {
      if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return false;
      throw failureFromErrno(error, "look at the claim", path);
    }
  }

  /** Whether any name leads to this file: it may be one that is not known here, when its directory was moved. */
  hasName(): boolean {
    return fstatSync(this.#descriptor).nlink > 0;
  }

  /** Takes back a published name, or does nothing when it names somebody else's file. */
  unpublish(number: number): void {
    const path = this.#directory.pathOf(number);
    if (this.isLinkedAs(path)) unlinkIfThere(path);
  }

  /** Makes `link` name this claim, whatever it named before. */
  pointAt(link: string): void {
    const temporary = `${link}.${process.pid}`;
    try {
      // The holder before has removed its own, if it could.
      if (!existsSync(link) && this.#linkAs(link)) return;
      // One of a process that had this PID and died in between.
      if (existsSync(temporary)) unlinkIfThere(temporary);
      linkSync(this.path, temporary);
      try {
        renameSync(temporary, link);
      } finally {
        // rename(2) leaves both names when they are the same file already, or cannot be done.
        unlinkIfThere(temporary);
      }
    } catch (error) {
      throw failureFromErrno(error, "link the lock", link);
    }
  }

  /** @returns false when the name is taken */
  #linkAs(name: string): boolean {
    try {
      linkSync(this.path, name);
      return true;
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
      return false;
    }
  }

  /** Leaves a link alone that leads to somebody else's claim. */
  unlinkIfMine(link: string): void {
    if (this.isLinkedAs(link)) unlinkIfThere(link);
  }

  /** Gives up without having published, or after withdrawing. */
  async discard(): Promise<void> {
    if (this.#discarded) return;
    this.#discarded = true;
    this.settle();
    await this.#beat.end();
  }
}

/** No lock gets there by itself; somebody made that file. */
function usedUp(path: string): Failure {
  return new Failure("DATA", `There is no number above that of this claim\n${path}`, {
    facts: { path },
    next: [{ does: "remove it", command: `rm ${shellWord(path)}` }],
  });
}

/**
 * Appends a line, or nothing of it. A line torn by somebody's death is sealed by a newline; without that it would take the
 * next one with it.
 */
function appendLine(descriptor: number, line: string): void {
  const { size } = fstatSync(descriptor);
  const bytes = Buffer.from(endsInLine(descriptor, size) ? line : `\n${line}`);
  try {
    for (let written = 0; written < bytes.length; written += writeSync(descriptor, bytes, written)) continue;
  } catch (error) {
    // On a full disk, what did fit would keep the last line, that the claim is released, from fitting.
    ftruncateSync(descriptor, size);
    throw error;
  }
}

function endsInLine(descriptor: number, size: number): boolean {
  const last = Buffer.alloc(1);
  return size === 0 || readSync(descriptor, last, 0, 1, size - 1) === 0 || last.toString() === "\n";
}
