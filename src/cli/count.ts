import { excerpt } from "../home/names.ts";
import { usage } from "./globals.ts";

/**
 * A number as a person gave it, of lines, bytes or sessions.
 * @param what names the option in the message: `--lines`
 */
export function parseCount(text: string, what: string, command: string): number {
  const count = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(count)) return count;
  throw usage(`${what}: expected a number, got ${excerpt(text)}`, `holdfast ${command} --help`);
}

const mostSlots = 1000;

/** How many sessions may hold a lock at once. */
export function parseSlots(text: string): number {
  const slots = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (slots >= 1 && slots <= mostSlots) return slots;
  throw usage(`--slots: expected a number from 1 to ${mostSlots}, got ${excerpt(text)}`, null);
}
