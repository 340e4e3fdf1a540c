import type { FilePiece } from "./read-kept.ts";
import { byteLengthOfUnits, endOfCharacterAt, endOfWholeCharacters } from "./utf8.ts";

/** How much of the last output a match may span, so that an endless line does not fill the memory. */
const searchedBytes = 64 * 1024;
/** What is kept of the text before: it tells whether a line or a word begins where the search does. */
const contextBytes = 1024;

/**
 * Searches a growing output for a pattern, piece by piece, from a byte on. `^` and `$` match at lines. Offsets are bytes
 * of the file, and never lie within a character.
 */
export class OutputSearch {
  readonly #pattern: RegExp;
  /** The byte given to resume from; null when there is none. */
  #cursor: number | null;
  /** The first byte at which a match may begin. */
  #fromByte: number;
  /** What was read and may still matter, and where in the file it begins. */
  #bytes: Buffer = Buffer.alloc(0);
  #startByte: number;
  #skippedBytes = 0;

  /** @param cursor where an earlier search stopped; null searches from the beginning */
  constructor(pattern: RegExp, cursor: number | null) {
    this.#pattern = new RegExp(pattern, "gm");
    this.#cursor = cursor;
    this.#fromByte = cursor ?? 0;
    this.#startByte = Math.max(0, this.#fromByte - contextBytes);
  }

  /** Where the first piece has to begin: some way before the cursor. */
  get readsFromByte(): number {
    return this.#startByte;
  }

  /** From where another search misses nothing that this one has not found. */
  get nextCursor(): number {
    return this.#fromByte;
  }

  /** How much of what was to be searched was passed over, because it was not kept. */
  get skippedBytes(): number {
    return this.#skippedBytes;
  }

  /** Takes the next piece. True when the output shows the pattern now; `nextCursor` is then the byte after the match. */
  shows({ bytes, endByte }: FilePiece): boolean {
    const pieceStart = endByte - bytes.length;
    const seen = this.#startByte + this.#bytes.length;
    // A file that was truncated or made anew begins again, and the search with it.
    if (pieceStart < seen) this.#beginAt(pieceStart);
    else if (pieceStart > seen) this.#skipTo(pieceStart, seen);
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    const end = this.#endOfMatch();
    if (end === null) this.#forget();
    else this.#fromByte = this.#startByte + end;
    return end !== null;
  }

  #beginAt(byte: number): void {
    this.#cursor = null;
    this.#fromByte = byte;
    this.#startByte = byte;
    this.#bytes = Buffer.alloc(0);
  }

  /** No match goes across what is missing, nor does what stands before it tell whether a line begins behind it. */
  #skipTo(byte: number, seen: number): void {
    this.#skippedBytes += Math.max(0, byte - Math.max(seen, this.#fromByte));
    this.#fromByte = Math.max(byte, this.#fromByte);
    this.#startByte = byte;
    this.#bytes = Buffer.alloc(0);
  }

  /** Relative to the bytes at hand; null when nothing matches. */
  #endOfMatch(): number | null {
    const whole = endOfWholeCharacters(this.#bytes);
    const from = endOfCharacterAt(this.#bytes, this.#fromByte - this.#startByte);
    if (from > whole) return null;
    const before = this.#bytes.toString("utf8", 0, from);
    const after = this.#bytes.toString("utf8", from, whole);
    const end = this.#matchEnd(before + after, before.length);
    if (end === null) return null;
    return from + byteLengthOfUnits(this.#bytes.subarray(from, whole), end - before.length);
  }

  /** In UTF-16 units, after a whole character. */
  #matchEnd(text: string, from: number): number | null {
    this.#pattern.lastIndex = from;
    let match = this.#pattern.exec(text);
    // An empty match where an earlier search stopped is the one that it found.
    if (match?.[0] === "" && match.index === from && this.#fromByte === this.#cursor) {
      this.#pattern.lastIndex = endOfPair(text, from + 1);
      match = this.#pattern.exec(text);
    }
    return match === null ? null : endOfPair(text, match.index + match[0].length);
  }

  /** Drops what no match can begin in any more, but for what has to be known of the text before. */
  #forget(): void {
    const { length } = this.#bytes;
    if (length > searchedBytes) {
      const from = this.#startByte + endOfCharacterAt(this.#bytes, length - searchedBytes);
      this.#fromByte = Math.max(this.#fromByte, from);
    }
    const dropped = Math.max(0, this.#fromByte - this.#startByte - contextBytes);
    this.#bytes = this.#bytes.subarray(dropped);
    this.#startByte += dropped;
  }
}

/** Whether output shows a pattern: true as soon as it does, false when the output is over without. */
export async function outputShows(output: AsyncIterable<FilePiece>, pattern: RegExp): Promise<boolean> {
  const search = new OutputSearch(pattern, null);
  for await (const piece of output) if (search.shows(piece)) return true;
  return false;
}

/** This index of a text, or the next where it lies within a surrogate pair. */
function endOfPair(text: string, index: number): number {
  const isWithin = index > 0 && (text.codePointAt(index - 1) ?? 0) > 0xff_ff;
  return isWithin ? index + 1 : index;
}
