import { escapeControl } from "../home/names.ts";

/*
 * Terminal escape sequences (ECMA-48, 5.3 to 5.6), looked for in bytes: a character of a latin1 string is a byte. None
 * goes beyond the end of its line or is longer than 4 KiB, so that one which is never finished swallows little.
 */

/** How many bytes a sequence has at most: its introducer, 4096, and what ends it. */
export const longestEscapeBytes = 4100;

const [csi, string] = [String.raw`(?:\x1b\[|\xc2\x9b)`, String.raw`(?:\x1b[\]PX^_]|\xc2[\x90\x98\x9d-\x9f])`];
const parameters = String.raw`[\x30-\x3f]{0,4000}[\x20-\x2f]{0,96}`;
/** Without what begins another string: else each of many would be looked through for its end, again and again. */
const content = String.raw`(?:(?!\xc2[\x90\x98\x9c-\x9f])[^\x07\x1b\n]){0,4096}`;
/** A string that another sequence or the end of the line cuts off is over, too. */
const endOfString = String.raw`(?:\x07|\x1b\\|\xc2\x9c|(?=[\x1b\n]|\xc2[\x90\x98\x9d-\x9f])|$)`;
const intermediates = String.raw`[\x20-\x2f]{0,96}`;

const whole = [
  `${csi}${parameters}[\\x40-\\x7e]?`,
  `${string}(?:${content}${endOfString})?`,
  `\\x1b${intermediates}[\\x30-\\x7e]?`,
];
const begun = [`${csi}${parameters}`, `${string}${content}\\x1b?`, `\\x1b${intermediates}`];

const anyEscape = new RegExp(whole.join("|"), "g");
const firstEscape = new RegExp(`^(?:${whole.join("|")})`);
const openEscape = new RegExp(`(?:${begun.join("|")})$`);

/**
 * Control characters that make a terminal answer (ENQ), switch its character set (SO), or do who knows what. Not those
 * that ring or move the cursor in a line, as progress bars do.
 */
// oxlint-disable-next-line no-control-regex -- they are what it looks for
const strayControls = /[\0-\u0006\u000e-\u001f\u007f-\u009f]/g;

/** Select Graphic Rendition (ECMA-48, 8.3.117): how what follows looks, and nothing else. */
// oxlint-disable-next-line no-control-regex -- that is what it looks for
const colour = /^\u001b\[[\d:;]*m$/;

/** These bytes as text, without the escape sequences; other control characters are shown as `\x0e`. */
export function withoutEscapes(bytes: Buffer): string {
  return withoutSome(bytes, () => "").replaceAll(strayControls, escapeControl);
}

/** As `withoutEscapes`, but colours stay what they are. */
export function withColoursOnly(bytes: Buffer): string {
  const text = withoutSome(bytes, (escape) => (colour.test(escape) ? escape : ""));
  // All that is left of these is the beginning of a colour.
  return text.replaceAll(strayControls, (control) => (control === "\u001b" ? control : escapeControl(control)));
}

function withoutSome(bytes: Buffer, inPlaceOf: (escape: string) => string): string {
  return Buffer.from(bytes.toString("latin1").replaceAll(anyEscape, inPlaceOf), "latin1").toString();
}

/** Where an escape sequence begins that goes on behind these bytes; their end when none does. */
export function startOfOpenEscape(bytes: Buffer): number {
  const from = Math.max(0, bytes.length - longestEscapeBytes);
  const begins = bytes.toString("latin1", from).search(openEscape);
  return begins === -1 ? bytes.length : from + begins;
}

/** How long the escape sequence is that these bytes begin with; 0 when they begin with none. */
export function lengthOfFirstEscape(bytes: Buffer): number {
  return firstEscape.exec(bytes.toString("latin1"))?.[0].length ?? 0;
}
