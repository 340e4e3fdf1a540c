import { appendFileSync, closeSync, openSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { GrowingFile } from "../../../src/journal/growing-file.ts";
import { readKept } from "../../../src/journal/read-kept.ts";
import { lastLines } from "../../../src/journal/tail-text.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

/** A file whose head can be given up. */
class HeadlessFile {
  readonly path = join(temporaryDirectory(), "output.log");
  kept = 0;
  readonly keptFrom = () => this.kept;

  constructor(text: string) {
    writeFileSync(this.path, text);
  }

  append(text: string): void {
    appendFileSync(this.path, text);
  }

  /** Gives up what lies before this byte, all but what shares a block with it. */
  giveUp(before: number, holeEnd = before): void {
    this.kept = before;
    const descriptor = openSync(this.path, "r+");
    writeSync(descriptor, Buffer.alloc(holeEnd), 0, holeEnd, 0);
    closeSync(descriptor);
  }

  follow(from: number): GrowingFile {
    const file = new GrowingFile(this.path, from, this.keptFrom);
    onTestFinished(() => file.close());
    return file;
  }
}

/** What a reader gets next: the text, and the byte it begins at. */
function next(file: GrowingFile): readonly [string, number] | null {
  const piece = file.read();
  return piece === null ? null : [piece.bytes.toString(), piece.endByte - piece.bytes.length];
}

let file: HeadlessFile;
beforeEach(() => {
  file = new HeadlessFile("one\ntwo\nthree\n");
});

describe("a file whose head was given up", () => {
  it("is followed from the first byte that is kept", () => {
    file.giveUp(4);
    expect(next(file.follow(0))).toEqual(["two\nthree\n", 4]);
    expect(next(file.follow(9))).toEqual(["hree\n", 9]);
  });

  it("begins with it also where the hole ends before, for room is freed in blocks", () => {
    for (const holeEnd of [0, 4]) {
      file.giveUp(8, holeEnd);
      expect(next(file.follow(0))).toEqual(["three\n", 8]);
    }
  });

  it("is gone on with where it was, when only what was read is given up", () => {
    const follower = file.follow(0);
    expect(next(follower)).toEqual(["one\ntwo\nthree\n", 0]);
    file.giveUp(8);
    file.append("four\n");
    expect(next(follower)).toEqual(["four\n", 14]);
    expect(next(follower)).toBeNull();
  });

  it("is gone on with behind the hole by one who is late, and by one who is late for everything", () => {
    const [late, latest] = [file.follow(4), file.follow(4)];
    for (const follower of [late, latest]) expect(next(follower)).toEqual(["two\nthree\n", 4]);
    file.append("four\nfive\n");
    file.giveUp(19);
    expect(next(late)).toEqual(["five\n", 19]);
    file.giveUp(24);
    expect(next(latest)).toBeNull();
    file.append("six\n");
    expect(next(latest)).toEqual(["six\n", 24]);
  });

  it("gives nothing of a hole that is made while it is read", () => {
    // As soon as it is asked what is kept, that is not true any more.
    const keptFrom = () => {
      const { kept } = file;
      file.giveUp(8);
      return kept;
    };
    file.giveUp(4);
    const descriptor = openSync(file.path, "r");
    onTestFinished(() => closeSync(descriptor));
    const { bytes, endByte } = readKept(descriptor, 0, 100, keptFrom);
    expect([bytes.toString(), endByte]).toEqual(["three\n", 14]);
  });

  it("shows the NUL bytes that were written", () => {
    const own = new HeadlessFile("a\0b\n\0\0c\n");
    expect(next(own.follow(0))).toEqual(["a\0b\n\0\0c\n", 0]);
    own.giveUp(4);
    expect(next(own.follow(0))).toEqual(["\0\0c\n", 4]);
    expect(lastLines(own.path, 9, own)).toMatchObject({ bytes: Buffer.from("\0\0c\n"), startByte: 4 });
  });

  it("begins anew when it was truncated, whatever is on record", () => {
    const follower = file.follow(0);
    expect(next(follower)).toEqual(["one\ntwo\nthree\n", 0]);
    file.giveUp(8);
    truncateSync(file.path);
    file.append("new\n");
    expect(next(follower)).toEqual(["new\n", 0]);
    expect(next(file.follow(0))).toEqual(["new\n", 0]);
    expect(lastLines(file.path, 9, file)).toMatchObject({ bytes: Buffer.from("new\n"), startByte: 0, skippedBytes: 0 });
  });

  it("has as last lines only what is kept, and says how much is missing when more were asked for", () => {
    file.giveUp(4);
    const tail = (count: number) => lastLines(file.path, count, { keptFrom: file.keptFrom, chunkBytes: 3 });
    expect(tail(1)).toEqual({
      bytes: Buffer.from("three\n"),
      startByte: 8,
      endByte: 14,
      isCut: false,
      skippedBytes: 0,
    });
    expect(tail(2)).toEqual({
      bytes: Buffer.from("two\nthree\n"),
      startByte: 4,
      endByte: 14,
      isCut: false,
      skippedBytes: 0,
    });
    expect(tail(3)).toEqual({
      bytes: Buffer.from("two\nthree\n"),
      startByte: 4,
      endByte: 14,
      isCut: false,
      skippedBytes: 4,
    });
  });

  it("has no last lines of a hole that is made while they are read", () => {
    let isAsked = false;
    const keptFrom = () => {
      if (isAsked) return file.kept;
      isAsked = true;
      file.giveUp(8);
      return 0;
    };
    const tail = lastLines(file.path, 2, { keptFrom });
    expect(tail).toEqual({ bytes: Buffer.from("three\n"), startByte: 8, endByte: 14, isCut: false, skippedBytes: 8 });
  });
});
