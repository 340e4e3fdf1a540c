import { closeSync, linkSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { knownFile, knownFileOfOneName, type KnownFile } from "../../src/process/known-file.ts";
import { ProcfsTable } from "../../src/process/procfs-table.ts";
import { startProgram } from "../support/fixture-processes.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const table = new ProcfsTable();

function newFile(): { readonly path: string; readonly file: KnownFile } {
  const path = join(temporaryDirectory(), "file");
  writeFileSync(path, "");
  const file = knownFile(path);
  if (file === null) throw new Error("it is there");
  return { path, file };
}

/** A process that has opened a file in its own way. */
async function opener(redirection: string, path: string): Promise<number> {
  const { pid } = await startProgram("sh", ["-c", `exec ${redirection}"$1"; echo ready; exec sleep 60`, "sh", path]);
  return pid;
}

describe.skipIf(process.platform !== "linux")("writesTo (needs /proc)", () => {
  it.each([
    ["9>>", true],
    ["9<>", true],
    ["2>", true],
    ["9<", false],
  ])("a file opened by `%s`: %s", async (redirection, expected) => {
    const { path, file } = newFile();
    expect(await table.writesTo(await opener(redirection, path), [file])).toBe(expected);
  });

  it("knows it by another name, and without any", async () => {
    const { path, file } = newFile();
    const pid = await opener("9>>", path);
    renameSync(path, `${path}-renamed`);
    expect(await table.writesTo(pid, [file])).toBe(true);
    rmSync(`${path}-renamed`);
    expect(await table.writesTo(pid, [file])).toBe(true);
  });

  it("is not misled by another file under the same name", async () => {
    const { path, file } = newFile();
    // Held open, so that its number is not given to the next.
    const descriptor = openSync(path, "r");
    rmSync(path);
    writeFileSync(path, "");
    expect(await table.writesTo(await opener("9>>", path), [file])).toBe(false);
    closeSync(descriptor);
  });

  it("finds the one among several, and what a child has inherited", async () => {
    const [{ file: other }, { path, file }] = [newFile(), newFile()];
    const fixture = await startProgram("sh", [
      "-c",
      'exec 9>>"$1"; sleep 60 & echo "child $!"; echo ready; exec 9>&-; wait',
      "sh",
      path,
    ]);
    expect(await table.writesTo(fixture.pidOf("child"), [other, file])).toBe(true);
    expect(await table.writesTo(fixture.pidOf("child"), [other])).toBe(false);
  });

  it("tells nothing of a process that is gone", async () => {
    const { file } = newFile();
    const { pid, child, exited } = await startProgram("sleep", ["60"], { silent: true });
    child.kill("SIGKILL");
    await exited;
    expect(await table.writesTo(pid, [file])).toBeNull();
  });
});

describe("knownFile", () => {
  it("knows files only: no link, no directory, nothing that is not there", () => {
    const { path, file } = newFile();
    expect(file).toMatchObject({ inode: expect.any(Number), device: expect.any(Number) });
    for (const other of [`${path}-not-there`, join(path, ".."), "/proc/self/exe"]) expect(knownFile(other)).toBeNull();
  });

  it("of one name is null when it has another one", () => {
    const { path, file } = newFile();
    expect(knownFileOfOneName(path)).toEqual(file);
    linkSync(path, `${path}-again`);
    expect(knownFileOfOneName(path)).toBeNull();
    expect(knownFile(path)).toEqual(file);
  });
});
