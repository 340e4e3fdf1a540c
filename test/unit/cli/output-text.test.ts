import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OutputText, type Escapes } from "../../../src/cli/output-text.ts";

/** What comes out when these bytes come in, cut at these places. */
function shown(bytes: Buffer, cuts: readonly number[], kept: Escapes): string {
  const text = new OutputText(kept);
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  const pieces = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
  return pieces.map((piece) => text.next(piece)).join("") + text.rest();
}

const colours = "\u001B[1;31mrot\u001B[0m";
const link = "\u001B]8;;https://example.org/ü\u001B\\here\u001B]8;;\u0007";
const samples = ["plain", "ü 日本語 🔒", colours, link, "\u001B[?25l\u001B[2K\u001B(B", "\r\n"];
/** Also such as are cut off, unknown, or none. */
const scraps = [
  "\u001B",
  "[",
  "]",
  "P",
  "\\",
  "\u0007",
  "31",
  ";",
  "m",
  "\u009B",
  "\u009D",
  "\u009C",
  "\n",
  " ",
  "ä",
  "🔒",
  "\u0018",
];
const anything = fc
  .array(fc.constantFrom(...samples, ...scraps, "x".repeat(3000)), { maxLength: 30 })
  .map((parts) => parts.join(""));
const texts = fc.array(fc.constantFrom(...samples), { maxLength: 12 }).map((parts) => parts.join(" "));
const cuts = fc.array(fc.nat(500), { maxLength: 20 });

describe("OutputText", () => {
  it("strips the escapes that the whole text has, wherever it is cut", () => {
    fc.assert(
      fc.property(texts, cuts, (text, places) => {
        const bytes = Buffer.from(text);
        expect(shown(bytes, places, "none")).toBe(shown(bytes, [], "none"));
      }),
    );
    expect(shown(Buffer.from(`${colours} ${link}`), [], "none")).toBe("rot here");
  });

  it.each(["none", "colours"] as const)("shows the same of any text, wherever it is cut (%s)", (kept) => {
    fc.assert(
      fc.property(anything, fc.array(fc.nat(100_000), { maxLength: 40 }), (text, places) => {
        const bytes = Buffer.from(text);
        expect(shown(bytes, places, kept)).toBe(shown(bytes, [], kept));
      }),
      { numRuns: 500 },
    );
  });

  it("keeps colours, and nothing else that a terminal may act on, of any text", () => {
    fc.assert(
      fc.property(anything, (text) => {
        const bytes = Buffer.from(text);
        const coloured = shown(bytes, [], "colours");
        // oxlint-disable-next-line no-control-regex -- they are what it looks for
        expect(coloured.replaceAll(/\u001B\[[\d:;]*m/g, "")).toBe(shown(bytes, [], "none"));
      }),
      { numRuns: 500 },
    );
    const says = `${colours} ${link}\u001B]52;c;eA==\u0007\u001B[6n\u001B[2J\u009B31m!`;
    expect(shown(Buffer.from(says), [], "colours")).toBe(`${colours} here!`);
  });

  it("is not held up by many beginnings of a sequence without an end", () => {
    const bytes = Buffer.from("\u0090".repeat(4_000_000));
    expect(shown(bytes, [], "none")).toBe("");
  });

  it.each([
    ["a colour before a word and a bell", "\u001B[31mred\u0007 alert", "red\u0007 alert"],
    ["8-bit introducers", "\u009B1mbold\u009B0m \u009D0;title\u009Cdone", "bold done"],
    ["private modes, charsets, keypads", "\u001B[?25l\u001B(B\u001B=\u001B[>4;2mx", "x"],
    ["a sequence with intermediate bytes", "\u001B[2 qx\u001B#8y", "xy"],
    ["a title that another sequence cuts off", "\u001B]0;title\u001B[1mtext", "text"],
    ["a title that its line cuts off", "\u001B]0;title\nnext", "\nnext"],
    ["colours that the line cuts off", "\u001B[31\nnext", "\nnext"],
    ["a title longer than any", `\u001B]0;${"x".repeat(4100)}\u0007.`, `0;${"x".repeat(4100)}\u0007.`],
    ["a picture's end", "\u001BPq#0;2;0\u001B\\after", "after"],
    ["what is never finished, at the end", "text\u001B]0;tit", "text"],
    [
      "nothing of what switches character sets, or makes a terminal answer: that is shown",
      "a\u000E\u0005b\u007F\u0085\0",
      String.raw`a\x0e\x05b\x7f\x85\x00`,
    ],
    ["nothing of what moves the cursor in its line", "10 %\r20 %\b\t\u0007", "10 %\r20 %\b\t\u0007"],
  ])("leaves out %s", (_what, text, expected) => {
    expect(shown(Buffer.from(text), [], "none")).toBe(expected);
  });

  it("gives raw text as it is, wherever it is cut", () => {
    fc.assert(
      fc.property(anything, cuts, (text, places) => {
        expect(shown(Buffer.from(text), places, "all")).toBe(text);
      }),
    );
  });

  it("gives any bytes in the end, and knows how many it holds back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), (array, place) => {
        const bytes = Buffer.from(array);
        const text = new OutputText("all");
        const cut = Math.min(place, bytes.length);
        const first = text.next(bytes.subarray(0, cut));
        const given = cut - text.heldBytes;
        if (!bytes.includes(0x1b) && !bytes.includes(0xc2)) expect(text.heldBytes).toBeLessThanOrEqual(3);
        expect(first).toBe(bytes.subarray(0, given).toString());
        expect(text.next(bytes.subarray(cut)) + text.rest()).toBe(bytes.subarray(given).toString());
      }),
    );
  });

  it("does not wait for the end of what is no escape sequence", () => {
    const text = new OutputText("none");
    expect(text.next(Buffer.from(`\u001B]${"x".repeat(5000)}`))).toContain("x".repeat(4000));
    expect(text.next(Buffer.from("50 %"))).toBe("50 %");
  });
});
