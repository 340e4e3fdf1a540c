import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OutputText } from "../../../src/cli/output-text.ts";

/** What comes out when these bytes come in, cut at these places. */
function shown(bytes: Buffer, cuts: readonly number[], raw: boolean): string {
  const text = new OutputText(raw);
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  const pieces = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
  return pieces.map((piece) => text.next(piece)).join("") + text.rest();
}

const colours = "\u001B[1;31mrot\u001B[0m";
const link = "\u001B]8;;https://example.org/ü\u001B\\here\u001B]8;;\u0007";
const samples = ["plain", "ü 日本語 🔒", colours, link, "\u001B[?25l\u001B[2K\u001B(B", "\r\n"];
const texts = fc.array(fc.constantFrom(...samples), { maxLength: 12 }).map((parts) => parts.join(" "));
const cuts = fc.array(fc.nat(500), { maxLength: 20 });

describe("OutputText", () => {
  it("strips the escapes that the whole text has, wherever it is cut", () => {
    fc.assert(
      fc.property(texts, cuts, (text, places) => {
        const bytes = Buffer.from(text);
        expect(shown(bytes, places, false)).toBe(shown(bytes, [], false));
      }),
    );
    expect(shown(Buffer.from(`${colours} ${link}`), [], false)).toBe("rot here");
  });

  it("gives raw text as it is, wherever it is cut", () => {
    fc.assert(
      fc.property(texts, cuts, (text, places) => {
        expect(shown(Buffer.from(text), places, true)).toBe(text);
      }),
    );
  });

  it("gives any bytes in the end, and knows how many it holds back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), (array, place) => {
        const bytes = Buffer.from(array);
        const text = new OutputText(true);
        const cut = Math.min(place, bytes.length);
        const first = text.next(bytes.subarray(0, cut));
        const given = cut - text.heldBytes;
        expect(text.heldBytes).toBeLessThanOrEqual(3);
        expect(first).toBe(bytes.subarray(0, given).toString());
        expect(text.next(bytes.subarray(cut)) + text.rest()).toBe(bytes.subarray(given).toString());
      }),
    );
  });

  it("does not wait for the end of what is no escape sequence", () => {
    const text = new OutputText(false);
    expect(text.next(Buffer.from(`\u001B]${"x".repeat(5000)}`))).toContain("x".repeat(4000));
    expect(text.next(Buffer.from("50 %"))).toBe("50 %");
  });
});
