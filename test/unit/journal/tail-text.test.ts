import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lastLines, type LastLinesOptions } from "../../../src/journal/tail-text.ts";
import { failureOf } from "../../support/failure-of.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

function fileOf(content: string | Buffer): string {
  const path = join(temporaryDirectory(), "output.log");
  writeFileSync(path, content);
  return path;
}

/** The last lines, as text. */
function tailOf(path: string, count: number, options?: LastLinesOptions) {
  const { bytes, ...place } = lastLines(path, count, options);
  return { text: bytes.toString(), ...place };
}

describe("lastLines", () => {
  it.each([
    ["a\nb\nc\n", 2, "b\nc\n", 2],
    ["a\nb\nc", 2, "b\nc", 2],
    ["a\nb\n", 9, "a\nb\n", 0],
    ["\n\n\n", 2, "\n\n", 1],
    ["a\n", 0, "", 2],
    ["", 5, "", 0],
  ])("of %j, %i: %j", (content, count, text, startByte) => {
    expect(tailOf(fileOf(content), count)).toEqual({
      text,
      startByte,
      endByte: content.length,
      isCut: false,
      skippedBytes: 0,
    });
  });

  it("gives the same text whatever the size of a chunk", () => {
    const path = fileOf("");
    const line = fc.string({ unit: "grapheme", maxLength: 8 }).map((text) => text.replaceAll("\n", ""));
    fc.assert(
      fc.property(
        fc.array(line),
        fc.boolean(),
        fc.nat({ max: 12 }),
        fc.integer({ min: 1, max: 40 }),
        (lines, ended, count, chunkBytes) => {
          const content = lines.join("\n") + (ended && lines.length > 0 ? "\n" : "");
          writeFileSync(path, content);
          const all = content.match(/[^\n]*\n|[^\n]+$/g) ?? [];
          const tail = tailOf(path, count, { chunkBytes });
          expect(tail.text).toBe(all.slice(Math.max(0, all.length - count)).join(""));
          expect(tail.endByte).toBe(Buffer.byteLength(content));
          expect(tail.endByte - tail.startByte).toBe(Buffer.byteLength(tail.text));
        },
      ),
    );
  });

  it("returns no more than it may, and cuts no character in two", () => {
    const path = fileOf("😀".repeat(100));
    expect(tailOf(path, 1, { maxBytes: 10 })).toEqual({
      text: "😀😀",
      startByte: 392,
      endByte: 400,
      isCut: true,
      skippedBytes: 0,
    });
    expect(tailOf(path, 1, { maxBytes: 10, chunkBytes: 3 })).toEqual({
      text: "😀😀",
      startByte: 392,
      endByte: 400,
      isCut: true,
      skippedBytes: 0,
    });
  });

  it("leaves a character that is not wholly written for whoever follows", () => {
    const path = fileOf(Buffer.concat([Buffer.from("a\nbé"), Buffer.from("😀").subarray(0, 3)]));
    expect(tailOf(path, 1)).toEqual({ text: "bé", startByte: 2, endByte: 5, isCut: false, skippedBytes: 0 });
    appendFileSync(path, Buffer.from("😀").subarray(3));
    expect(tailOf(path, 1)).toEqual({ text: "bé😀", startByte: 2, endByte: 9, isCut: false, skippedBytes: 0 });
  });

  it("reads binary without an end", () => {
    const { startByte, endByte } = tailOf(fileOf(Buffer.alloc(1000, 0x80)), 3);
    expect(endByte - startByte).toBeLessThanOrEqual(1000);
  });

  it("finds nothing where there is no file, and says so when there is one that it cannot read", () => {
    const directory = temporaryDirectory();
    expect(tailOf(join(directory, "output.log"), 3)).toEqual({
      text: "",
      startByte: 0,
      endByte: 0,
      isCut: false,
      skippedBytes: 0,
    });
    mkdirSync(join(directory, "output.log"));
    expect(failureOf(() => tailOf(join(directory, "output.log"), 3)).code).toBe("NOT_PERMITTED");
  });
});
