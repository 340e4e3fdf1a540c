import { endOfWholeCharacters } from "../journal/utf8.ts";
import { startOfOpenEscape, withoutEscapes } from "./escapes.ts";

/** Where what is whole of these bytes ends: before a character or an escape sequence that goes on behind them. */
export function endOfWholeText(bytes: Buffer): number {
  return startOfOpenEscape(bytes.subarray(0, endOfWholeCharacters(bytes)));
}

/** @param raw true to keep escape sequences; else they are left out */
export function textOf(bytes: Buffer, raw: boolean): string {
  return raw ? bytes.toString() : withoutEscapes(bytes);
}

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
    const end = endOfWholeText(all);
    this.#held = all.subarray(end);
    return textOf(all.subarray(0, end), this.#raw);
  }

  /** What was held back, when no more will come. */
  rest(): string {
    const held = this.#held;
    this.#held = Buffer.alloc(0);
    return textOf(held, this.#raw);
  }
}
