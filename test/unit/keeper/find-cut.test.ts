import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findCut } from "../../../src/keeper/find-cut.ts";

function cutOf(file: Buffer, limitBytes: number): number {
  return findCut((from, length) => file.subarray(from, from + length), file.length, limitBytes);
}

const line = fc.string({ unit: "grapheme", maxLength: 30 }).map((text) => `${text.replaceAll("\n", "")}\n`);
const files = fc.array(line, { minLength: 1, maxLength: 60 }).map((lines) => Buffer.from(lines.join("")));

describe("where an output is cut", () => {
  it("leaves at most half of the limit, and a quarter of it at least", () => {
    fc.assert(
      fc.property(files, fc.integer({ min: 16, max: 400 }), (file, limitBytes) => {
        fc.pre(file.length > limitBytes);
        const kept = file.length - cutOf(file, limitBytes);
        // A character that begins before the half is not torn.
        expect(kept).toBeLessThanOrEqual(limitBytes / 2 + 1);
        expect(kept).toBeGreaterThanOrEqual(limitBytes / 4 - 4);
      }),
    );
  });

  it("is where a line begins: at the first one from the half on, if one begins soon", () => {
    fc.assert(
      fc.property(files, fc.integer({ min: 16, max: 400 }), (file, limitBytes) => {
        fc.pre(file.length > limitBytes);
        const half = file.length - Math.floor(limitBytes / 2);
        const begin = file.indexOf("\n", half - 1) + 1;
        fc.pre(begin - half < Math.floor(limitBytes / 4));
        expect(cutOf(file, limitBytes)).toBe(begin);
      }),
    );
  });

  it("is where a character begins, in a line that does not end", () => {
    const file = Buffer.from("日本語😀".repeat(100));
    for (let limitBytes = 100; limitBytes < 130; limitBytes += 1) {
      const kept = file.subarray(cutOf(file, limitBytes));
      expect(kept.toString()).not.toContain("\uFFFD");
      expect(kept.length).toBeLessThanOrEqual(limitBytes / 2);
    }
  });

  it("is nowhere far behind the half, however long the line is", () => {
    const megabytes = 16;
    let mostRead = 0;
    const read = (_from: number, length: number) => {
      mostRead = Math.max(mostRead, length);
      return Buffer.alloc(length, "x");
    };
    expect(findCut(read, 10_000_000_000, megabytes * 1_000_000)).toBe(10_000_000_000 - 8_000_000);
    expect(mostRead).toBeLessThan(1_100_000);
  });

  it("copes with a limit of a few bytes", () => {
    for (let limitBytes = 1; limitBytes < 9; limitBytes += 1) {
      const cut = cutOf(Buffer.from("one\ntwo\nthree\n"), limitBytes);
      expect(cut).toBeGreaterThan(0);
      expect(cut).toBeLessThanOrEqual(14);
    }
  });
});
