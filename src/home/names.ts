import { Failure } from "../failure.ts";
import { tellingWord } from "./telling-word.ts";

/** What `parseName` can be asked for; it is how the message calls the text. */
export type NameKind = "session id" | "lock name" | "client name" | "owner";

/** What a name may be that becomes a part of a path and is shown on a terminal, whoever says it: a person or a file. */
export const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** The lock that is meant where none is named. */
export const defaultLock = "session";

/**
 * Accepts a name (`namePattern`): 1 to 64 of `A-Z a-z 0-9 . _ -`, a letter or digit first.
 * @throws Failure `USAGE` that shows the text with its control characters escaped
 */
export function parseName(kind: NameKind, text: string): string {
  if (namePattern.test(text)) return text;
  const shown = excerpt(text);
  throw new Failure(
    "USAGE",
    `Not ${kind === "owner" ? "an" : "a"} ${kind}: "${shown}"\nUse 1 to 64 letters, digits, ".", "_" or "-", a letter or digit first.`,
    { facts: { kind, text: shown } },
  );
}

/**
 * Control characters (C0, DEL, C1), line separators, lone surrogates, and everything that reorders or hides text on a
 * terminal (bidirectional marks, embeddings, overrides and isolates; byte order mark).
 */
export const unsafeCharacters = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\p{Cs}]/gu;

/**
 * Makes text from a file or another user safe to print on one line of a terminal: `\x1b` for a control character below
 * 256, `\u{202e}` for the others that could move the cursor, reorder or hide what follows. The rest is left as it is.
 */
export function escapeControl(text: string): string {
  return text.replaceAll(unsafeCharacters, (character) => {
    const code = character.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    return code < 0x100 ? `\\x${hex.padStart(2, "0")}` : `\\u{${hex}}`;
  });
}

const longestExcerpt = 80;

/** The beginning of what somebody has typed, on one line, to be shown in an error. */
export function excerpt(text: string): string {
  return escapeControl(text.length > longestExcerpt ? `${text.slice(0, longestExcerpt)}…` : text);
}

/** Crockford's base 32, in lower case: no i, l, o or u. Its order is the order of the characters. */
const digits = "0123456789abcdefghjkmnpqrstvwxyz";

/** What a uid may be that a file, or a name in a directory, says: it becomes a part of a path, too. */
export const uidPattern = /^[0-9a-z]{10,40}$/;

/**
 * A unique id of 26 characters from `[0-9a-z]`, built like a ULID: 10 for the time in milliseconds, so that ids sort by
 * the time they were made in, and 16 (80 bits) at random.
 */
export function makeUid(): string {
  let rest = Date.now();
  let time = "";
  for (let position = 0; position < 10; position += 1) {
    time = digits.charAt(rest % 32) + time;
    rest = Math.floor(rest / 32);
  }
  return time + Array.from(randomBytes(16), (byte) => digits.charAt(byte % 32)).join("");
}

/** When a uid was made, in milliseconds; NaN for a text that is none. */
export function timeOfUid(uid: string): number {
  let time = uid.length < 10 ? Number.NaN : 0;
  for (const digit of uid.slice(0, 10)) {
    const value = digits.indexOf(digit);
    if (value === -1) return Number.NaN;
    time = time * 32 + value;
  }
  return time;
}

/**
 * A descriptive id for a session nobody named: the command's most telling word, the local time and four random
 * hexadecimal digits, `engine-1034-7f3a` for `node engine.js`. Always a valid session id.
 */
export function makeSessionId(command: readonly string[], now: Date): string {
  const time = [now.getHours(), now.getMinutes()].map((part) => String(part).padStart(2, "0")).join("");
  const random = Array.from(randomBytes(2), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${tellingWord(command)}-${time}-${random}`;
}

/**
 * Unique is enough, secret is not needed: V8 seeds `Math.random` of every process from the system's entropy, and asking
 * for cryptographic randomness would load WebCrypto, which takes 3 ms of every start.
 */
function randomBytes(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, () => Math.floor(Math.random() * 256));
}
