import { closeSync, fstatSync, readSync, statSync, type Stats } from "node:fs";
import { failureFromErrno } from "../failure.ts";
import { openOwnFile } from "../home/own-file.ts";

const chunkBytes = 64 * 1024;

/** Bytes of a file, and where in it they lie. */
export interface FilePiece {
  readonly bytes: Buffer;
  /** The byte after them: reading on from here misses nothing and repeats nothing. */
  readonly endByte: number;
}

export interface Grown extends FilePiece {
  /** True for the first bytes of a file that was truncated, or removed and made anew, since the last read. */
  readonly restarted: boolean;
}

/** Reads what is appended to a file by others, piece by piece, across truncation and re-creation. */
export class GrowingFile {
  readonly #path: string;
  /** Kept open, so that its inode number cannot be given to the file that takes its place. */
  #descriptor: number | null = null;
  #position: number | "end";
  #restarted = false;

  /** @param from the first byte to read, or `"end"`: only what is appended after the first call of `read` */
  constructor(path: string, from: number | "end") {
    this.#path = path;
    this.#position = from;
  }

  /**
   * The next bytes, at most 64 KiB; null when there are none now.
   * @throws Failure `IO` and its like
   */
  read(): Grown | null {
    try {
      return this.#readOn();
    } catch (error) {
      throw failureFromErrno(error, "read", this.#path);
    }
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }

  #readOn(): Grown | null {
    if (this.#descriptor === null && !this.#open()) return null;
    const bytes = this.#readChunk();
    if (bytes !== null) return bytes;
    // Its end is reached; whether the path now leads to another file is only of interest then.
    if (!this.#wasReplaced()) return null;
    this.close();
    this.#position = 0;
    this.#restarted = true;
    return this.#open() ? this.#readChunk() : null;
  }

  #open(): boolean {
    this.#descriptor = openOwnFile(this.#path);
    // Whatever appears here later is new from its first byte on.
    if (this.#descriptor === null) this.#position = 0;
    return this.#descriptor !== null;
  }

  #readChunk(): Grown | null {
    if (this.#descriptor === null) return null;
    const { size } = fstatSync(this.#descriptor);
    if (this.#position === "end") this.#position = size;
    if (size < this.#position) {
      this.#position = 0;
      this.#restarted = true;
    }
    if (size === this.#position) return null;
    const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, size - this.#position));
    const count = readSync(this.#descriptor, buffer, 0, buffer.length, this.#position);
    if (count === 0) return null;
    this.#position += count;
    const restarted = this.#restarted;
    this.#restarted = false;
    return { bytes: buffer.subarray(0, count), endByte: this.#position, restarted };
  }

  #wasReplaced(): boolean {
    if (this.#descriptor === null) return false;
    const there = this.#statPath();
    if (there === undefined) return true;
    const open = fstatSync(this.#descriptor);
    return there.ino !== open.ino || there.dev !== open.dev;
  }

  #statPath(): Stats | undefined {
    return statSync(this.#path, { throwIfNoEntry: false });
  }
}
