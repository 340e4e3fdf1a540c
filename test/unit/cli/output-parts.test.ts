import { appendFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { nextPart, tailPart, type OutputPart } from "../../../src/cli/output-parts.ts";
import { OutputText, type Escapes } from "../../../src/cli/output-text.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const words = ["plain", "ü", "日本語", "🔒", "\n", "\n\n", " ", "\r", "x".repeat(40)];
const escapes = [
  "\u001B[1;31m",
  "\u001B[0m",
  "\u001B]8;;https://example.org/ü\u001B\\",
  "\u001B]0;title 🔒\u0007",
  "\u001B",
];
const usual = [...words, ...words, ...escapes].map((text) => Buffer.from(text));
const texts = outputsOf(usual);
/** Also what is no UTF-8. */
const anyBytes = outputsOf([...usual, ...["\u00e9", "\u001B]0;\u00e9"].map((text) => Buffer.from(text, "latin1"))]);
/** How long the output is when it is read, each time. */
const growth = fc.array(fc.nat(1000), { maxLength: 10 });
const maxBytes = fc.integer({ min: 0, max: 120 });

function outputsOf(pieces: readonly Buffer[]) {
  return fc.array(fc.constantFrom(...pieces), { maxLength: 60 }).map((some) => Buffer.concat(some));
}

let path: string;
beforeEach(() => {
  path = join(temporaryDirectory(), "output.log");
});

/** An output of which so much is there, and what lies before `kept` is not kept. */
function outputOf(bytes: Buffer, kept = 0) {
  writeFileSync(path, Buffer.concat([Buffer.alloc(kept), bytes.subarray(kept)]));
  return { path, keptFrom: () => kept };
}

/** Everything as one read gives it. */
function whole(bytes: Buffer, kept: Escapes): string {
  const text = new OutputText(kept);
  return text.next(bytes) + text.rest();
}

/** Reads an output that has grown to these lengths, then ended: each length until nothing new comes. */
function readOn(file: Buffer, lengths: readonly number[], most: number, kept: Escapes) {
  const parts: (OutputPart & { readonly eof: boolean })[] = [];
  let cursor = 0;
  const ends = [...lengths.map((length) => Math.min(length, file.length)).toSorted((a, b) => a - b), file.length];
  for (const [index, length] of ends.entries()) {
    const output = outputOf(file.subarray(0, length));
    for (;;) {
      const part = nextPart(output, cursor, most, { escapes: kept, isOver: index === ends.length - 1 });
      parts.push(part);
      if (part.nextCursor === cursor) break;
      cursor = part.nextCursor;
      if (part.eof) break;
    }
  }
  return parts;
}

describe("an output that is read part by part", () => {
  it.each(["all", "colours", "none"] as const)(
    "is what one read of it gives, however it grew and is cut (%s)",
    (kept) => {
      fc.assert(
        fc.property(anyBytes, growth, maxBytes, (file, lengths, most) => {
          const parts = readOn(file, lengths, most, kept);
          expect(parts.map(({ text }) => text).join("")).toBe(whole(file, kept));
          expect(parts.map(({ eof }) => eof)).toEqual(parts.map((_, index) => index === parts.length - 1));
          expect(parts.at(-1)?.nextCursor).toBe(file.length);
          let cursor = 0;
          for (const part of parts) {
            expect(part).toMatchObject({ fromByte: cursor, skippedBytes: 0 });
            cursor = part.nextCursor;
          }
        }),
      );
    },
  );

  it("has no part that tears a character or an escape sequence", () => {
    fc.assert(
      fc.property(texts, maxBytes, (file, most) => {
        const parts = readOn(file, [], most, "all");
        for (const { text } of parts) expect(text).not.toContain("\uFFFD");
        // Each by itself shows what it shows of the whole.
        const shown = parts.map(({ text }) => whole(Buffer.from(text), "none"));
        expect(shown.join("")).toBe(whole(file, "none"));
      }),
    );
  });

  it("comes in whole lines, where they are not longer than asked for", () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 10, max: 120 }), (file, most) => {
        const parts = readOn(file, [], most, "all");
        for (const { text, fromByte, nextCursor, eof } of parts) {
          const isWhole = eof || text.endsWith("\n");
          // Else no line ends within what was asked for.
          if (!isWhole)
            expect(file.subarray(fromByte, fromByte + Math.min(most, nextCursor - fromByte))).not.toContain(0x0a);
        }
      }),
    );
  });

  it("is no longer than asked for, but for one escape sequence or character", () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 4, max: 60 }), (file, most) => {
        for (const { text } of readOn(file, [], most, "none")) {
          expect(Buffer.byteLength(text)).toBeLessThanOrEqual(most);
        }
      }),
    );
  });

  it("gives a line that has no end yet as far as it has come, but not half an escape sequence", () => {
    const going = { escapes: "none", isOver: false } as const;
    const output = outputOf(Buffer.from("Go on? [y/n] \u001B[3"));
    expect(nextPart(output, 0, 100, going)).toMatchObject({ text: "Go on? [y/n] ", nextCursor: 13, eof: false });
    expect(nextPart(output, 13, 100, going)).toMatchObject({ text: "", nextCursor: 13, eof: false });
    expect(nextPart(output, 13, 1, going)).toMatchObject({ text: "", nextCursor: 13, eof: false });
    appendFileSync(path, "1myes\n");
    expect(nextPart(output, 13, 1, going)).toMatchObject({ text: "", nextCursor: 18, eof: false });
    expect(nextPart(output, 18, 100, going)).toMatchObject({ text: "yes\n", nextCursor: 22, eof: false });
  });

  it("goes on with the first byte that is kept, and says how much is missing", () => {
    const output = outputOf(Buffer.from("one\ntwo\nthree\n"), 8);
    const over = { escapes: "none", isOver: true } as const;
    const rest = { text: "three\n", fromByte: 8, nextCursor: 14, eof: true };
    expect(nextPart(output, 0, 100, over)).toEqual({ ...rest, skippedBytes: 8 });
    expect(nextPart(output, 5, 100, over)).toEqual({ ...rest, skippedBytes: 3 });
    expect(nextPart(output, 8, 100, over)).toEqual({ ...rest, skippedBytes: 0 });
    expect(tailPart(output, 2, over)).toMatchObject({ text: "three\n", fromByte: 8, nextCursor: 14, skippedBytes: 8 });
  });

  it("goes on from the start of an output that was truncated", () => {
    const part = nextPart(outputOf(Buffer.from("new\n")), 100, 100, { escapes: "none", isOver: true });
    expect(part).toEqual({ text: "new\n", fromByte: 0, nextCursor: 4, skippedBytes: 0, eof: true });
  });

  it("is empty for an agent that has written nothing, be there a file or none", () => {
    const nothing = { text: "", fromByte: 0, nextCursor: 0, skippedBytes: 0 };
    for (const isOver of [true, false]) {
      const output = outputOf(Buffer.alloc(0));
      expect(nextPart(output, 0, 100, { escapes: "none", isOver })).toEqual({ ...nothing, eof: isOver });
      rmSync(path);
      expect(nextPart(output, 0, 100, { escapes: "none", isOver })).toEqual({ ...nothing, eof: isOver });
      expect(tailPart(output, 5, { escapes: "none", isOver })).toMatchObject(nothing);
    }
  });
});

describe("the end of an output", () => {
  it("leaves what is not whole for the next read, and gives it when the session is over", () => {
    const output = outputOf(Buffer.concat([Buffer.from("one\ntwo \u001B[1"), Buffer.from("ü").subarray(0, 1)]));
    const going = tailPart(output, 1, { escapes: "none", isOver: false });
    expect(going).toMatchObject({ text: "two ", fromByte: 4, nextCursor: 8 });
    expect(tailPart(output, 1, { escapes: "none", isOver: true })).toMatchObject({
      text: "two \uFFFD",
      nextCursor: 12,
    });
  });

  it("ends where that is in the file, also behind bytes that are no UTF-8", () => {
    const output = outputOf(Buffer.from("caf\u00e9 \u001B]0;\u00e9\u00e9", "latin1"));
    const going = tailPart(output, 1, { escapes: "none", isOver: false });
    expect(going).toMatchObject({ text: "caf\uFFFD ", fromByte: 0, nextCursor: 5, skippedBytes: 0 });
  });

  it("and the parts after it are the whole, wherever it is looked at", () => {
    fc.assert(
      fc.property(anyBytes, fc.nat(1000), fc.nat(5), (file, length, count) => {
        const so = file.subarray(0, length);
        const tail = tailPart(outputOf(so), count, { escapes: "none", isOver: false });
        const rest = nextPart(outputOf(file), tail.nextCursor, 100_000, { escapes: "none", isOver: true });
        expect(tail.text + rest.text).toBe(whole(file.subarray(tail.fromByte), "none"));
      }),
    );
  });
});
