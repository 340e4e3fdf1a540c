import { closeSync, fstatSync } from "node:fs";
import { failureFromErrno } from "../failure.ts";
import { openOwnFile } from "../home/own-file.ts";
import { readChunk } from "./read-chunk.ts";
import { allKept, firstKept, type KeptFrom } from "./read-kept.ts";
import { endOfWholeCharacters, isContinuation } from "./utf8.ts";

const newline = 0x0a;

export interface LastLinesOptions {
  /** The most that is returned; 4 MiB. A longer tail begins within a line. */
  readonly maxBytes?: number;
  /** How much is read at a time; 64 KiB. */
  readonly chunkBytes?: number;
  /** From where on the file is kept; all of it when absent. */
  readonly keptFrom?: KeptFrom;
}

/** A piece of a text file, and where in the file it lies. */
interface TextPiece {
  /** As they are in the file: what is no UTF-8 has another length as text. */
  readonly bytes: Buffer;
  /** The first one of them. */
  readonly startByte: number;
  /** The byte after them: following the file from here misses nothing and repeats nothing. */
  readonly endByte: number;
}

/** The end of a text file. */
export interface TailText extends TextPiece {
  /** Whether there are fewer lines than were asked for because these are as long as may be. */
  readonly isCut: boolean;
  /** How much lay before it and is not kept any more, where that is why there are fewer lines than were asked for. */
  readonly skippedBytes: number;
}

const nothing: TailText = { bytes: Buffer.alloc(0), startByte: 0, endByte: 0, isCut: false, skippedBytes: 0 };

/**
 * The last `count` lines of a text file, newlines included, read in chunks from its end, as far as it is kept. A last
 * line without a newline counts as one. They neither begin nor end within a UTF-8 character. No file: nothing, at byte 0.
 * @throws Failure `IO` and its like when the file cannot be read
 */
export function lastLines(path: string, count: number, options: LastLinesOptions = {}): TailText {
  const descriptor = openOwnFile(path);
  if (descriptor === null) return nothing;
  try {
    return readLines(descriptor, count, options);
  } catch (error) {
    throw failureFromErrno(error, "read", path);
  } finally {
    closeSync(descriptor);
  }
}

function readLines(descriptor: number, count: number, options: LastLinesOptions): TailText {
  const { maxBytes = 4 * 1024 * 1024, chunkBytes = 64 * 1024, keptFrom = allKept } = options;
  let kept = firstKept(descriptor, keptFrom);
  const { size } = fstatSync(descriptor);
  const limit = Math.max(kept, size - maxBytes);
  const pieces: Buffer[] = [];
  let start = size;
  let missing = count;
  while (start > limit && missing > 0) {
    const from = Math.max(limit, start - chunkBytes);
    const chunk = readChunk(descriptor, from, start - from);
    // Truncated while it was read: whoever follows begins at its new start.
    if (chunk === null) return nothing;
    // The newline at the very end ends the last line; it has no line after it.
    const found = newlineFromEnd(chunk, missing, start === size ? chunk.length - 2 : chunk.length - 1);
    missing = found.missing;
    start = from + found.index + 1;
    pieces.unshift(chunk.subarray(found.index + 1));
  }
  const isCut = missing > 0 && limit > kept;
  let bytes = Buffer.concat(pieces);
  // A hole that was made meanwhile shows as NUL bytes.
  if (bytes.includes(0)) kept = firstKept(descriptor, keptFrom);
  if (kept > start) {
    bytes = bytes.subarray(kept - start);
    start = kept;
    missing = count;
  }
  // The first line that is kept has no newline before it that could be counted.
  const isShort = start === kept && missing > Math.min(bytes.length, 1);
  return { ...wholeCharacters(bytes, start), isCut: isCut && start > kept, skippedBytes: isShort ? kept : 0 };
}

/** Looks for the n-th newline counted backward; index -1 and how many are missing when there are fewer. */
function newlineFromEnd(chunk: Buffer, nth: number, from: number): { index: number; missing: number } {
  let missing = nth;
  for (let at = from; at >= 0; at -= 1) {
    at = chunk.lastIndexOf(newline, at);
    if (at === -1) break;
    missing -= 1;
    if (missing === 0) return { index: at, missing };
  }
  return { index: -1, missing };
}

/** Leaves out the bytes of characters that are cut by either end. */
function wholeCharacters(bytes: Buffer, startByte: number): TextPiece {
  let begin = 0;
  while (begin < Math.min(3, bytes.length) && isContinuation(bytes[begin])) begin += 1;
  const end = begin + endOfWholeCharacters(bytes.subarray(begin));
  return { bytes: bytes.subarray(begin, end), startByte: startByte + begin, endByte: startByte + end };
}
