import { excerpt } from "../home/names.ts";
import { usage } from "./globals.ts";

export interface NumberRange {
  readonly least: number;
  readonly most: number;
  /** Where to read on; see `usage`. */
  readonly help: string | null;
  /** For messages; absent: the range itself. */
  readonly expected?: string;
}

/**
 * A whole number as a person gave it, in no more digits than the largest has.
 * @param what names the option in the message: `--slots`
 * @throws Failure `USAGE`
 */
export function parseNumber(text: string, what: string, range: NumberRange): number {
  const { least, most, help, expected = `a number from ${least} to ${most}` } = range;
  const number = /^\d+$/.test(text) && text.length <= String(most).length ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw usage(`${what}: expected ${expected}, got ${excerpt(text)}`, help);
}

/**
 * As `parseNumber`, of lines, bytes or sessions: however many.
 * @param command whose option it is
 */
export function parseCount(text: string, what: string, command: string): number {
  const help = `holdfast ${command} --help`;
  return parseNumber(text, what, { least: 0, most: Number.MAX_SAFE_INTEGER, help, expected: "a number" });
}

const mostSlots = 1000;

/** How many sessions may hold a lock at once. */
export function parseSlots(text: string): number {
  return parseNumber(text, "--slots", { least: 1, most: mostSlots, help: null });
}
