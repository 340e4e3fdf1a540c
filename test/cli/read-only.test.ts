import { execFileSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { mountedDirectory, whyNotMounted } from "../support/mounted-directory.ts";
import { asSomebody, openForEverybody, whyNotSomebody } from "../support/somebody.ts";
import { agent, bin, openWorkspace, type Workspace } from "../support/workspace.ts";

const changes = [
  ["run", "true"],
  ["start", "next", "--", ...agent("sleeper.sh")],
];
const looks = [["status"], ["list"], ["logs"]];

function remount(directory: string, mode: "ro" | "rw"): void {
  execFileSync("sh", ["-c", `mount -o remount,${mode} "$0"`, directory]);
}

async function expectReadOnly(workspace: Workspace, env: Readonly<Record<string, string>>): Promise<void> {
  for (const words of changes) {
    const { exitCode, stderr } = await workspace.holdfast(words, { env });
    expect({ words, exitCode }).toEqual({ words, exitCode: 73 });
    expect(stderr).toMatch(/the file system is read-only \(EROFS\)\n +\S*\/state/);
    expect(stderr).toContain("HOLDFAST_STATE_DIR=");
  }
  for (const words of looks) expect(await workspace.holdfast(words, { env })).toMatchObject({ exitCode: 0 });
  await workspace.untilEmpty();
}

describe("on a read-only file system", () => {
  it("nothing begins, everything says why and what to type, and who looks is answered (CANNOT_CREATE 73)", async (test) => {
    const directory = mountedDirectory("tmpfs", "mode=0700");
    if (directory === null) return test.skip(whyNotMounted);
    const workspace = openWorkspace();
    const env = { HOLDFAST_STATE_DIR: join(directory, "state") };
    remount(directory, "ro");
    await expectReadOnly(workspace, env);
    remount(directory, "rw");
    expect((await workspace.holdfast(["run", "true"], { env })).exitCode).toBe(0);
    remount(directory, "ro");
    await expectReadOnly(workspace, env);
  });
});

describe.skipIf(asSomebody === null)(`in a directory that is somebody else's${whyNotSomebody}`, () => {
  it("nothing begins, and everything says why and what to type (CANNOT_CREATE 73)", async () => {
    const workspace = openWorkspace();
    openForEverybody(workspace);
    chmodSync(workspace.root, 0o555);
    const call = (words: readonly string[]) =>
      workspace.spawn([...(asSomebody ?? []), process.execPath, bin, ...words]).ended;
    for (const words of changes) {
      const { exitCode, stderr } = await call(words);
      expect({ words, exitCode }).toEqual({ words, exitCode: 73 });
      expect(stderr).toMatch(
        /permission denied \(EACCES\)\n +\S*\.holdfast\n.*ls -ld \S*project\n.*all who share the lock +HOLDFAST_STATE_DIR=/,
      );
    }
    for (const words of looks) expect(await call(words)).toMatchObject({ exitCode: 0 });
    chmodSync(workspace.root, 0o777);
    expect((await call(["run", "true"])).exitCode).toBe(0);
  });
});
