import { parseDuration } from "../home/duration.ts";
import { usage } from "./globals.ts";

/** A timer of Node's ends at once when it is set to more than 24.8 days. */
const longestMs = 24 * 86_400_000;

/**
 * How long after a look the next one begins: at most 24 days.
 * @param least the shortest that makes sense, as a person types it; null: anything above 0
 * @returns milliseconds
 * @throws Failure `USAGE`
 */
export function parseInterval(
  text: string,
  { option, least, hint }: { readonly option: string; readonly least: string | null; readonly hint: string },
): number {
  const everyMs = parseDuration(text, option);
  const leastMs = least === null ? 1 : parseDuration(least, option);
  if (everyMs >= leastMs && everyMs <= longestMs) return everyMs;
  throw usage(`${option}: expected ${least === null ? "more than 0" : `at least ${least}`} and at most 24d`, hint);
}
