import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FilePiece } from "../../../src/journal/read-kept.ts";
import { OutputSearch, outputShows } from "../../../src/journal/search-output.ts";

const searchedBytes = 64 * 1024;

/** A file as it is read from a byte on, in pieces of these sizes, the last of them again and again. */
function* piecesOf(file: Buffer, fromByte: number, sizes: readonly number[]): Generator<FilePiece> {
  for (let at = fromByte, nth = 0; at < file.length; nth += 1) {
    const bytes = file.subarray(at, at + (sizes[Math.min(nth, sizes.length - 1)] ?? file.length));
    at += bytes.length;
    yield { bytes, endByte: at };
  }
}

interface Search {
  readonly pattern: RegExp;
  readonly cursor?: number | null;
  readonly sizes?: readonly number[];
}

/** One search of a file that does not grow any more. */
function searchOnce(file: Buffer, { pattern, cursor = null, sizes = [] }: Search) {
  const search = new OutputSearch(pattern, cursor);
  for (const piece of piecesOf(file, search.readsFromByte, sizes)) {
    if (search.shows(piece)) return { shown: true, nextCursor: search.nextCursor };
  }
  return { shown: false, nextCursor: search.nextCursor };
}

/** Where each search stops, when the next resumes where the last one stopped, until one finds nothing. */
function searchAll(file: Buffer, pattern: RegExp, sizes: readonly number[] = []): number[] {
  const stops: number[] = [];
  for (let cursor: number | null = null; ;) {
    const { shown, nextCursor } = searchOnce(file, { pattern, cursor, sizes });
    if (!shown) return stops;
    if (cursor !== null) expect(nextCursor).toBeGreaterThan(cursor);
    stops.push((cursor = nextCursor));
  }
}

/** The same, of the whole text at once, by JavaScript's own search. */
function endsInWhole(text: string, pattern: RegExp): number[] {
  const matches = [...text.matchAll(new RegExp(pattern, "gm"))];
  return matches.map((match) => Buffer.byteLength(text.slice(0, match.index + match[0].length)));
}

const words = ["ready", "listening on", "größe", "😀", "é", "a", "aa", "世界", "\n", " "];
const texts = fc.array(fc.constantFrom(...words, "x", "\uFEFF", "�"), { maxLength: 40 }).map((all) => all.join(""));
const chunkings = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 12 });
/** Such as do not match more, or less, when more text follows. */
const patterns = fc.oneof(
  fc.constantFrom(...words).map((word) => new RegExp(word)),
  fc
    .constantFrom("^a", "^ready", "\\ba", "(?<=ready)a", "(?<=😀)x", "^世界\n", "a(?!x)x?a")
    .map((text) => new RegExp(text)),
);

describe("OutputSearch", () => {
  it("stops at the very bytes a search of the whole text finds, however it is cut and resumed", () => {
    fc.assert(
      fc.property(texts, patterns, chunkings, (text, pattern, sizes) => {
        expect(searchAll(Buffer.from(text), pattern, sizes)).toEqual(endsInWhole(text, pattern));
      }),
      { numRuns: 2_000 },
    );
  });

  it("resumes right after the match: the next one on the same line is found, the same one never", () => {
    expect(searchAll(Buffer.from("one one\none"), /one/)).toEqual([3, 7, 11]);
  });

  it("does not take the cursor for the beginning of a line or a word", () => {
    expect(searchAll(Buffer.from("aaa\na"), /^a/)).toEqual([1, 5]);
    expect(searchAll(Buffer.from("aaa a"), /\ba/)).toEqual([1, 5]);
  });

  it("goes on behind an empty match", () => {
    expect(searchAll(Buffer.from("a\n\n😀b"), /^/)).toEqual([0, 2, 3]);
    expect(searchOnce(Buffer.from("😀😀"), { pattern: /(?:)/, cursor: 4 }).nextCursor).toBe(8);
  });

  it("never stops within a character, whatever the pattern splits", () => {
    expect(searchAll(Buffer.from("😀é"), /./)).toEqual([4, 6]);
    expect(searchAll(Buffer.from("x😀y"), /\uD83D/)).toEqual([5]);
  });

  it("begins with the next whole character when the cursor lies within one", () => {
    expect(searchOnce(Buffer.from("😀é"), { pattern: /./, cursor: 2 }).nextCursor).toBe(6);
  });

  it("counts bytes that are no UTF-8 as they stand in the file", () => {
    const file = Buffer.concat([
      Buffer.from([0xff, 0xe2, 0x82]),
      Buffer.from("a"),
      Buffer.from([0x80]),
      Buffer.from("go!"),
    ]);
    expect(searchAll(file, /go/, [1])).toEqual([7]);
    expect(searchAll(file, /a/, [2])).toEqual([4]);
    expect(searchOnce(file, { pattern: /^\uFFFD\uFFFD/ }).nextCursor).toBe(3);
  });

  it("finds what lies across two pieces of any size", () => {
    const file = Buffer.concat([
      Buffer.alloc(searchedBytes - 3, "-"),
      Buffer.from("needle"),
      Buffer.alloc(searchedBytes, "-"),
    ]);
    for (const sizes of [[searchedBytes], [searchedBytes - 1, searchedBytes], [1000]]) {
      expect(searchOnce(file, { pattern: /needle/, sizes })).toEqual({ shown: true, nextCursor: searchedBytes + 3 });
    }
  });

  it("without a match says where one may still begin, so that none is missed", () => {
    expect(searchOnce(Buffer.from("nothing, need"), { pattern: /needle/ })).toEqual({ shown: false, nextCursor: 0 });
    expect(searchOnce(Buffer.from("nothing, need"), { pattern: /needle/, cursor: 4 }).nextCursor).toBe(4);
    const long = Buffer.from("é".repeat(searchedBytes));
    const { nextCursor } = searchOnce(long, { pattern: /needle/, sizes: [4_097] });
    expect(nextCursor).toBe(long.length - searchedBytes);
    const grown = Buffer.concat([long, Buffer.from("needle")]);
    expect(searchOnce(grown, { pattern: /needle/, cursor: nextCursor }).nextCursor).toBe(grown.length);
  });

  it("does not take the cut of an endless line for its beginning", () => {
    const file = Buffer.alloc(3 * searchedBytes, "ab");
    expect(searchOnce(file, { pattern: /^b|^aba?$/, sizes: [1_001] }).shown).toBe(false);
  });

  it("searches on behind what is not kept, and counts what it could not search", () => {
    const search = new OutputSearch(/^go|stop/, null);
    expect(search.shows({ bytes: Buffer.from("st"), endByte: 102 })).toBe(false);
    expect(search.skippedBytes).toBe(100);
    // Nothing matches across the gap.
    expect(search.shows({ bytes: Buffer.from("op, go"), endByte: 126 })).toBe(false);
    expect(search.skippedBytes).toBe(118);
    expect(search.shows({ bytes: Buffer.from("\ngo"), endByte: 129 })).toBe(true);
    expect(search).toMatchObject({ nextCursor: 129, skippedBytes: 118 });
  });

  it("finds nothing again before its cursor, where less is kept than it wants to see before it", () => {
    const search = new OutputSearch(/one/, 2000);
    expect(search.readsFromByte).toBeLessThan(1990);
    const bytes = Buffer.from("one one one");
    expect(search.shows({ bytes, endByte: 1993 + bytes.length })).toBe(true);
    expect(search).toMatchObject({ nextCursor: 2004, skippedBytes: 0 });
    const late = new OutputSearch(/one/, 1000);
    expect(late.shows({ bytes, endByte: 1993 + bytes.length })).toBe(true);
    expect(late).toMatchObject({ nextCursor: 1996, skippedBytes: 993 });
  });

  it("begins anew with a file that was truncated", () => {
    const search = new OutputSearch(/^go/, 100);
    expect(search.shows({ bytes: Buffer.alloc(100, "-"), endByte: 100 })).toBe(false);
    expect(search.shows({ bytes: Buffer.from("g"), endByte: 1 })).toBe(false);
    expect(search.shows({ bytes: Buffer.from("o!"), endByte: 3 })).toBe(true);
    expect(search.nextCursor).toBe(2);
  });
});

describe("outputShows", () => {
  it.each([
    ["all set", true],
    ["all", false],
  ])("tells whether %j shows it before it is over", async (text, shown) => {
    async function* output() {
      yield* piecesOf(Buffer.from(text), 0, [2]);
    }
    expect(await outputShows(output(), /^all s.t$/)).toBe(shown);
  });
});
