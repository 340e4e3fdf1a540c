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
  /** Only lines with one of these bytes in them. They are searched for in whole chunks, so that no other line costs. */
  readonly containing?: readonly Buffer[];
}

/**
 * Yields the complete lines (those with a newline) of a file, last line first, without their newline, and never holds
 * more of the file than a chunk and a line. Reads what was there when it began. No file: no lines.
 * @throws Failure `IO` and its like when the file cannot be read
 */
export function* linesBackward(path: string, options: BackwardOptions = {}): Generator<Buffer> {
  const { chunkBytes = 64 * 1024, endByte = Number.POSITIVE_INFINITY, containing } = options;
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
      const last = chunk.lastIndexOf(newline);
      if (last === -1) {
        rest = prepend(chunk, rest);
        continue;
      }
      const line = lineOf(chunk.subarray(last + 1), rest);
      if (line !== null && isWanted(line, containing)) yield line;
      const first = chunk.indexOf(newline);
      if (first < last) {
        const whole = chunk.subarray(first + 1, last);
        yield* containing === undefined ? allLines(whole) : linesContaining(whole, containing);
      }
      rest = prepend(chunk.subarray(0, first), emptyRest);
    }
    const first = lineOf(Buffer.alloc(0), rest);
    if (first !== null && isWanted(first, containing)) yield first;
  } catch (error) {
    throw failureFromErrno(error, "read", path);
  } finally {
    closeSync(descriptor);
  }
}

function isWanted(line: Buffer, containing: BackwardOptions["containing"]): boolean {
  return containing === undefined || containing.some((bytes) => line.includes(bytes));
}

/** The lines of a text that ends where its last line ends, the last one first. */
function* allLines(text: Buffer): Generator<Buffer> {
  let end = text.length;
  for (let at = text.lastIndexOf(newline); at !== -1; at = at === 0 ? -1 : text.lastIndexOf(newline, at - 1)) {
    yield text.subarray(at + 1, end);
    end = at;
  }
  yield text.subarray(0, end);
}

/** As `allLines`, but only those with one of these bytes in them. */
function* linesContaining(text: Buffer, containing: readonly Buffer[]): Generator<Buffer> {
  const found = containing.flatMap((bytes) => placesOf(bytes, text)).toSorted((a, b) => b - a);
  let yieldedFrom = text.length;
  for (const place of found) {
    if (place >= yieldedFrom) continue;
    yieldedFrom = text.lastIndexOf(newline, place) + 1;
    const end = text.indexOf(newline, place);
    yield text.subarray(yieldedFrom, end === -1 ? text.length : end);
  }
}

function placesOf(bytes: Buffer, text: Buffer): number[] {
  const places: number[] = [];
  for (let at = text.indexOf(bytes); at !== -1; at = text.indexOf(bytes, at + bytes.length)) places.push(at);
  return places;
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
