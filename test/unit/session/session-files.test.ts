import { readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createJson, readJson, writeJson } from "../../../src/session/session-files.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

describe.each([
  ["writeJson", writeJson],
  ["createJson", createJson],
])("%s", (_, write) => {
  it("writes to no file that a link leads to, and leaves nothing beside its own", () => {
    const directory = temporaryDirectory();
    const [path, kept] = [join(directory, "stop.json"), join(directory, "kept")];
    writeFileSync(kept, "mine");
    // Where the first version wrote before it renamed.
    symlinkSync(kept, `${path}.${process.pid}.new`);
    write(path, { reason: null });
    expect(readFileSync(kept, "utf8")).toBe("mine");
    expect(readJson(path)).toEqual({ reason: null });
    expect(readdirSync(directory)).toHaveLength(3);
  });
});
