import { stripVTControlCharacters } from "node:util";
import { endOfWholeCharacters } from "../journal/utf8.ts";

/**
 * An escape sequence that is not complete yet: ESC alone, a CSI sequence without its last character, a string (OSC and
 * its like) without its end. ECMA-48, 5.4 and 5.6.
 */
// oxlint-disable-next-line no-control-regex -- escapes are what it looks for
const begunEscape = /\u001b(?:\[[\u0020-\u003f]*|[\]PX^_][^\u0007\u001b]*\u001b?|[\u0020-\u002f]*)$/;
/** A whole string sequence. Node's own expression knows these with ASCII in them only, and titles have more than that. */
// oxlint-disable-next-line no-control-regex -- as above
const stringSequence = /\u001b[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)/g;
/** A longer one is none that a program meant. */
const longestEscape = 4096;

/** What an agent writes, as text, piece by piece: neither a character nor an escape sequence is torn. */
export class OutputText {
  readonly #raw: boolean;
  #held: Buffer = Buffer.alloc(0);

  /** @param raw true to keep escape sequences; else they are left out */
  constructor(raw: boolean) {
    this.#raw = raw;
  }

  /** How many of the bytes taken were not given yet, because more belongs to them. */
  get heldBytes(): number {
    return this.#held.length;
  }

  /** The next piece; empty when all of it has to wait for more. */
  next(bytes: Buffer): string {
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const end = this.#endOfWhole(all);
    this.#held = all.subarray(end);
    return this.#clean(all.subarray(0, end));
  }

  /** What was held back, when no more will come. */
  rest(): string {
    const held = this.#held;
    this.#held = Buffer.alloc(0);
    return this.#clean(held);
  }

  #endOfWhole(bytes: Buffer): number {
    const end = endOfWholeCharacters(bytes);
    if (this.#raw) return end;
    const from = Math.max(0, end - longestEscape);
    // A character each byte, so that places in the text are places in the bytes.
    const begun = bytes.toString("latin1", from, end).search(begunEscape);
    return begun === -1 ? end : from + begun;
  }

  #clean(bytes: Buffer): string {
    const text = bytes.toString();
    return this.#raw ? text : stripVTControlCharacters(text.replaceAll(stringSequence, ""));
  }
}
