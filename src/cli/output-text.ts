import { endOfWholeCharacters } from "../journal/utf8.ts";
import { startOfOpenEscape, withColoursOnly, withoutEscapes } from "./escapes.ts";

/** Where what is whole of these bytes ends: before a character or an escape sequence that goes on behind them. */
export function endOfWholeText(bytes: Buffer): number {
  return startOfOpenEscape(bytes.subarray(0, endOfWholeCharacters(bytes)));
}

/** What is kept of the escape sequences: all of them, those that colour, none. */
export type Escapes = "all" | "colours" | "none";

export function textOf(bytes: Buffer, kept: Escapes): string {
  if (kept === "all") return bytes.toString();
  return kept === "colours" ? withColoursOnly(bytes) : withoutEscapes(bytes);
}

/** What an agent writes, as text, piece by piece: neither a character nor an escape sequence is torn. */
export class OutputText {
  readonly #kept: Escapes;
  #held: Buffer = Buffer.alloc(0);

  constructor(kept: Escapes) {
    this.#kept = kept;
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
    return textOf(all.subarray(0, end), this.#kept);
  }

  /** What was held back, when no more will come. */
  rest(): string {
    const held = this.#held;
    this.#held = Buffer.alloc(0);
    return textOf(held, this.#kept);
  }
}
