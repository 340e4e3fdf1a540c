import { Failure } from "../failure.ts";
import { excerpt } from "./names.ts";

/** In lower case only, for elsewhere `5M` is five months, or five million. */
const millisecondsPer = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** What is larger is a slip of the keyboard: ten years of 365 days. */
const longestMs = 3650 * 86_400_000;

/** In either case. */
const bytesPer = new Map([
  ["b", 1],
  ...["k", "m", "g", "t"].flatMap((letter, index): [string, number][] => [
    [letter, 1000 ** (index + 1)],
    [`${letter}b`, 1000 ** (index + 1)],
    [`${letter}ib`, 1024 ** (index + 1)],
  ]),
]);

const durationExamples = `"500ms", "30s", "5m", "2h" or "1d"`;
const sizeExamples = `"512", "64KiB", "100MB" or "1G"`;

/**
 * Reads a duration: `500ms` `30s` `5m` `2h` `1d`, fractions allowed; a bare number is seconds.
 * @returns milliseconds, 0 or more, at most ten years; a fraction of a millisecond is rounded up
 * @param what names the option in the message: `--wait`
 * @throws Failure `USAGE`
 */
export function parseDuration(text: string, what: string): number {
  const durationMs = readDuration(text);
  if (durationMs !== null) return durationMs;
  throw unreadable(what, `a duration such as ${durationExamples} (a bare number is seconds; at most 10 years)`, text);
}

/** As `parseDuration`, of what may be without limit: that is what 0 means, and timeout(1) too. @returns null for no limit */
export function parseLimit(text: string, what: string): number | null {
  return parseDuration(text, what) || null;
}

/** As `parseDuration`; null for what it refuses. */
export function readDuration(text: string): number | null {
  const durationMs = quantity(text, "s", millisecondsPer);
  return durationMs === null || durationMs > longestMs ? null : Math.ceil(durationMs);
}

/**
 * Reads a size: `100MB` `64KiB` `1G`; a bare number is bytes. `K` and `KB` are 1000, `KiB` is 1024.
 * @returns bytes, 0 or more; a fraction of a byte is rounded up
 * @param what names the option in the message: `--max-output`
 * @throws Failure `USAGE`
 */
export function parseSize(text: string, what: string): number {
  const bytes = readSize(text);
  if (bytes !== null) return bytes;
  throw unreadable(what, `a size such as ${sizeExamples}`, text);
}

/** As `parseSize`; null for what it refuses. */
export function readSize(text: string): number | null {
  const bytes = quantity(text.toLowerCase(), "b", bytesPer);
  return bytes === null || !Number.isSafeInteger(Math.ceil(bytes)) ? null : Math.ceil(bytes);
}

/**
 * `1.5h` as a number of the table's smallest unit. Plain decimals only: no sign, no exponent, no `Infinity`. Rounded to
 * a thousandth, so that 2.007 MB is not a byte more than it says.
 */
function quantity(text: string, bareUnit: string, units: ReadonlyMap<string, number>): number | null {
  const [, number, unit] = /^([0-9]+(?:\.[0-9]*)?|\.[0-9]+) ?([A-Za-z]*)$/.exec(text) ?? [];
  const factor = units.get(unit || bareUnit);
  if (number === undefined || factor === undefined) return null;
  const value = Number(number) * factor;
  return Number.isFinite(value) ? Number(value.toFixed(3)) : null;
}

function unreadable(what: string, expected: string, text: string): Failure {
  const shown = excerpt(text);
  return new Failure("USAGE", `${what}: expected ${expected}, got "${shown}"`, { facts: { what, text: shown } });
}
