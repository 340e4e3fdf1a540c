import { endOfCharacterAt } from "../journal/utf8.ts";

const newline = 0x0a;
/** How far a newline is looked for; a longer line is cut within. */
const longestSearchBytes = 1024 * 1024;
/** What has to be known before a byte to tell whether a character begins there. */
const contextBytes = 3;

/** Reads so many bytes of a file from a byte on; fewer at its end. */
type Read = (fromByte: number, length: number) => Buffer;

/**
 * Where to cut an output that has outgrown its limit: the first byte that is kept. What is kept is the newest half of
 * the limit or somewhat less, so that the next cut is not due at once, and begins with a line; in the midst of a line
 * that does not end soon, with a character.
 */
export function findCut(read: Read, sizeBytes: number, limitBytes: number): number {
  const target = sizeBytes - Math.floor(limitBytes / 2);
  const start = Math.max(0, target - contextBytes);
  const length = target - start + Math.min(Math.floor(limitBytes / 4), longestSearchBytes);
  const bytes = read(start, length);
  // The one before it ends the line before.
  const found = bytes.indexOf(newline, Math.max(0, target - start - 1));
  return start + (found === -1 ? endOfCharacterAt(bytes, target - start) : found + 1);
}
