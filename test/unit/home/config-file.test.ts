import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../../src/home/config.ts";
import { homeAt } from "../../../src/home/locate.ts";
import { rejectionOf } from "../../support/failure-of.ts";
import { makeFifo } from "../../support/odd-files.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const makers: readonly (readonly [string, (path: string) => void, string])[] = [
  ["a directory", (path) => mkdirSync(path), "it is a directory"],
  ["a FIFO, without waiting for its writer", makeFifo, "it is not a file"],
  ["a link to a device without an end", (path) => symlinkSync("/dev/zero", path), "it is not a file"],
  [
    "a file of a gigabyte",
    (path) => {
      writeFileSync(path, "");
      truncateSync(path, 2 ** 30);
    },
    "it has 1073741824 bytes, and at most 16777216 are read",
  ],
];

describe.each(["holdfast.json", "package.json"])("%s", (name) => {
  it.each(makers)("is refused when it is %s", async (_, make, reason) => {
    const root = temporaryDirectory();
    const path = join(root, name);
    make(path);
    const failure = await rejectionOf(loadConfig(homeAt(root, join(root, ".holdfast")), {}));
    expect(failure).toMatchObject({ code: "CONFIG", facts: { path } });
    expect(failure.message).toBe(`Cannot read the configuration: ${reason}\n${path}`);
  });

  it("is read when it is a link to a file", async () => {
    const root = temporaryDirectory();
    const value = { pulse: "lease" };
    writeFileSync(join(root, "real"), JSON.stringify(name === "package.json" ? { holdfast: value } : value));
    symlinkSync("real", join(root, name));
    expect(await loadConfig(homeAt(root, join(root, ".holdfast")), {})).toMatchObject({ pulse: "lease" });
  });
});
