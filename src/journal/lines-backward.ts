import { closeSync, fstatSync } from "node:fs";
import { failureFromErrno } from "../failure.ts";
import { openOwnFile } from "../home/own-file.ts";
import { readChunk } from "./read-chunk.ts";

const newline = 0x0a;
/** What is longer is no line of ours; it is passed over without being kept. */
const longestLineBytes = 1024 * 1024;

export interface BackwardOptions {
  /** How much is read at a time; 64 KiB. */
  readonly chunkBytes?: number;
  /** Where to begin, if not at the end of the file: only what lies before this byte is read. */
  readonly endByte?: number;
}

/**
 * Yields the complete lines (those with a newline) of a file, last line first, without their newline, and never holds
 * more of the file than a chunk and a line. Reads what was there when it began. No file: no lines.
 * @throws Failure `IO` and its like when the file cannot be read
 */
export function* linesBackward(path: string, options: BackwardOptions = {}): Generator<Buffer> {
  const { chunkBytes = 64 * 1024, endByte = Number.POSITIVE_INFINITY } = options;
  const descriptor = openOwnFile(path);
  if (descriptor === null) return;
  try {
    let position = Math.min(fstatSync(descriptor).size, endByte);
    // What follows the chunk at hand up to the next newline. Until a newline was seen it belongs to a torn line.
    let rest: Rest = tornLine;
    while (position > 0) {
      const start = Math.max(0, position - chunkBytes);
      const chunk = readChunk(descriptor, start, position - start);
      if (chunk === null) return;
      position = start;
      let end = chunk.length;
      for (let at = chunk.lastIndexOf(newline); at !== -1; at = at === 0 ? -1 : chunk.lastIndexOf(newline, at - 1)) {
        const line = lineOf(chunk.subarray(at + 1, end), rest);
        rest = emptyRest;
        end = at;
        if (line !== null) yield line;
      }
      rest = prepend(chunk.subarray(0, end), rest);
    }
    const first = lineOf(Buffer.alloc(0), rest);
    if (first !== null) yield first;
  } catch (error) {
    throw failureFromErrno(error, "read", path);
  } finally {
    closeSync(descriptor);
  }
}

/** Pieces of a line in the order of the file; null: not to be yielded, being torn or too long. */
type Rest = { readonly pieces: readonly Buffer[]; readonly bytes: number } | null;

const emptyRest: Rest = { pieces: [], bytes: 0 };
const tornLine: Rest = null;

function lineOf(head: Buffer, rest: Rest): Buffer | null {
  if (rest === null) return null;
  return rest.bytes === 0 ? head : Buffer.concat([head, ...rest.pieces]);
}

function prepend(head: Buffer, rest: Rest): Rest {
  if (rest === null || head.length + rest.bytes > longestLineBytes) return null;
  return { pieces: [head, ...rest.pieces], bytes: head.length + rest.bytes };
}
