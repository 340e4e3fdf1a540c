import { closeSync, fstatSync, statSync, type Stats } from "node:fs";
import { failureFromErrno } from "../failure.ts";
import { openOwnFile } from "../home/own-file.ts";
import { allKept, firstKept, readKept, type FilePiece, type KeptFrom } from "./read-kept.ts";

const chunkBytes = 64 * 1024;

export interface Grown extends FilePiece {
  /** True for the first bytes of a file that was truncated, or removed and made anew, since the last read. */
  readonly restarted: boolean;
}

/**
 * Reads what is appended to a file by others, piece by piece, across truncation and re-creation. What is not kept any
 * more is passed over: the next piece then begins later than the last one ended.
 */
export class GrowingFile {
  readonly #path: string;
  readonly #keptFrom: KeptFrom;
  /** Kept open, so that its inode number cannot be given to the file that takes its place. */
  #descriptor: number | null = null;
  #position: number | "end";
  #restarted = false;
  #isFirst = true;

  /** @param from the first byte to read, or `"end"`: only what is appended after the first call of `read` */
  constructor(path: string, from: number | "end", keptFrom: KeptFrom = allKept) {
    this.#path = path;
    this.#position = from;
    this.#keptFrom = keptFrom;
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

  /** Whoever reads on after it opens the file again, and goes on where the last piece ended. */
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
    if (this.#descriptor === null) {
      // Whatever appears here later is new from its first byte on.
      this.#position = 0;
      return false;
    }
    if (this.#isFirst && this.#position !== "end") {
      this.#position = Math.max(this.#position, firstKept(this.#descriptor, this.#keptFrom));
    }
    this.#isFirst = false;
    return true;
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
    const length = Math.min(chunkBytes, size - this.#position);
    const piece = readKept(this.#descriptor, this.#position, length, this.#keptFrom);
    this.#position = piece.endByte;
    if (piece.bytes.length === 0) return null;
    const restarted = this.#restarted;
    this.#restarted = false;
    return { ...piece, restarted };
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
