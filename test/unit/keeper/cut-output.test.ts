import { appendFileSync, readFileSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { cutOutput } from "../../../src/keeper/cut-output.ts";
import type { NativeFiles } from "../../../src/lock/native.ts";
import { readOutputCut } from "../../../src/session/output-cut.ts";
import { rejectionOf } from "../../support/failure-of.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const text = "a line of 20 letters\n".repeat(2000);
const limitBytes = 20_000;

let files: { readonly output: string; readonly outputCut: string };
beforeEach(() => {
  const directory = temporaryDirectory();
  files = { output: join(directory, "output.log"), outputCut: join(directory, "output.json") };
  writeFileSync(files.output, text);
});

/** Only asks what is so in the moment in which room is given back. */
function nativeThat(does: (offset: number, length: number) => void): NativeFiles {
  return { trim: async (_descriptor, offset, length) => does(offset, length) };
}

function refusal(code: string): NativeFiles {
  return nativeThat(() => {
    throw Object.assign(new Error(code), { code });
  });
}

const cut = (native: NativeFiles | Error, firstByte = 0) => cutOutput(files, native, firstByte, limitBytes);

describe("cutting an output", () => {
  it("gives back whole blocks before the first byte that is kept, which is on record by then", async () => {
    const given: unknown[] = [];
    const native = nativeThat((offset, length) =>
      given.push({ offset, length, recorded: readOutputCut(files.outputCut) }),
    );
    const first = await cut(native);
    expect(text.slice(first)).toMatch(/^(a line of 20 letters\n){470,476}$/);
    expect(given).toEqual([{ offset: 0, length: first - (first % 4096), recorded: first }]);
    appendFileSync(files.output, text);
    const second = await cut(native, first);
    const offset = first - (first % 4096);
    expect(given[1]).toEqual({ offset, length: second - (second % 4096) - offset, recorded: second });
  });

  it("leaves the file's time as it was, but when the agent has written meanwhile", async () => {
    const before = new Date("2025-06-29T10:34:03.250Z");
    const touch = nativeThat(() => utimesSync(files.output, new Date(), new Date()));
    utimesSync(files.output, before, before);
    await cut(touch);
    expect(statSync(files.output).mtime).toEqual(before);
    utimesSync(files.output, before, before);
    await cut(nativeThat(() => appendFileSync(files.output, "more")));
    expect(statSync(files.output).mtimeMs).toBeGreaterThan(before.getTime());
  });

  it.each(["ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL", "EPERM"])(
    "changes nothing where room cannot be given back (%s)",
    async (code) => {
      const failure = await rejectionOf(cut(refusal(code), 77));
      expect(failure).toMatchObject({ code: "UNAVAILABLE", message: expect.stringContaining(code) });
      expect(readOutputCut(files.outputCut)).toBe(77);
      expect(readFileSync(files.output, "utf8")).toBe(text);
    },
  );

  it("changes nothing without the native part", async () => {
    const failure = await rejectionOf(cut(new Error("no such module")));
    expect(failure).toMatchObject({ code: "UNAVAILABLE", message: "the native part cannot be loaded" });
    expect(readOutputCut(files.outputCut)).toBe(0);
  });

  it("keeps its word on record when the disk fails: a part may be gone", async () => {
    expect((await rejectionOf(cut(refusal("EIO")))).code).toBe("IO");
    expect(readOutputCut(files.outputCut)).toBeGreaterThan(text.length - limitBytes / 2 - 1);
  });

  it("gives nothing back when what is gone now is in the block of the last cut: files are freed by blocks", async () => {
    const given: unknown[] = [];
    const native = nativeThat((offset) => given.push(offset));
    const first = await cut(native);
    appendFileSync(files.output, "a line of 20 letters\n");
    const second = await cut(native, first);
    expect(second).toBeGreaterThan(first);
    expect(readOutputCut(files.outputCut)).toBe(second);
    expect(given).toEqual([0]);
  });

  it("gives nothing back of an output that was truncated meanwhile", async () => {
    const given: unknown[] = [];
    const cutting = cut(nativeThat(() => given.push("something")));
    truncateSync(files.output, 10);
    await cutting;
    expect(given).toEqual([]);
  });

  it("does not touch what a symbolic link in its place leads to", async () => {
    const link = `${files.output}.link`;
    symlinkSync(files.output, link);
    const failure = await rejectionOf(cutOutput({ ...files, output: link }, refusal("EIO"), 0, limitBytes));
    expect(failure.message).toContain("ELOOP");
  });
});
