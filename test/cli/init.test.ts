import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fillDisk } from "../support/full-disk.ts";
import { mountedDirectory, whyNotMounted } from "../support/mounted-directory.ts";
import { schemaProblems } from "../support/output-schema.ts";
import { asSomebody, whyNotSomebody } from "../support/somebody.ts";
import { statusOf } from "../support/sessions.ts";
import { agent, bin, openWorkspace, type Workspace } from "../support/workspace.ts";

/** What lies in the project, but for what makes it one. */
function filesOf(workspace: Workspace): readonly string[] {
  return readdirSync(workspace.root).filter((name) => name !== ".git");
}

describe("init", () => {
  it("writes a configuration that is accepted as it is, and says what to type next", async () => {
    const workspace = openWorkspace();
    const written = await workspace.holdfast(["init"]);
    expect(written).toMatchObject({
      exitCode: 0,
      stdout: "✅ holdfast.json   written, with every key explained\n",
      stderr: expect.stringContaining("holdfast start -- COMMAND"),
    });
    expect(filesOf(workspace)).toEqual(["holdfast.json"]);
    expect(await workspace.holdfast(["status"])).toMatchObject({ exitCode: 0 });
  });

  it("writes to the project's root, with the command that start then runs", async () => {
    const workspace = openWorkspace();
    const below = join(workspace.root, "below");
    mkdirSync(below);
    const command = agent("sleeper.sh");
    const written = await workspace.holdfast(["init", "--json", "--", ...command], { cwd: below });
    expect(written.json()).toMatchObject({ ok: true, path: join(workspace.root, "holdfast.json"), command });
    expect(schemaProblems("init", written.json())).toEqual([]);
    await workspace.holdfast(["start", "demo"]);
    expect((await statusOf(workspace)).session.command).toEqual(command);
    await workspace.holdfast(["stop"]);
  });

  it("writes over nothing, and names what is there", async () => {
    const workspace = openWorkspace();
    const path = workspace.write("holdfast.json", "{} // mine\n");
    const refused = await workspace.holdfast(["init", "--", "true"]);
    expect(refused).toMatchObject({ exitCode: 73, stdout: "" });
    expect(refused.stderr).toContain(`There is a configuration already: nothing was written\n   ${path}\n`);
    expect([workspace.read("holdfast.json"), filesOf(workspace)]).toEqual(["{} // mine\n", ["holdfast.json"]]);
  });

  it("does not take the place of a configuration in package.json, nor write through a link", async () => {
    const [inManifest, linked] = [openWorkspace(), openWorkspace()];
    inManifest.write("package.json", JSON.stringify({ holdfast: { pulse: "auto" } }));
    symlinkSync("elsewhere.json", join(linked.root, "holdfast.json"));
    for (const workspace of [inManifest, linked]) {
      const before = filesOf(workspace);
      const refused = await workspace.holdfast(["init", "--json"]);
      expect(refused).toMatchObject({ exitCode: 73 });
      expect(refused.json().error).toMatchObject({ code: "CANNOT_CREATE", next: ["holdfast doctor"] });
      expect(filesOf(workspace)).toEqual(before);
    }
  });

  it("writes once, however many call it at once", async () => {
    const workspace = openWorkspace();
    const calls = await Promise.all(
      [1, 2, 3, 4].map((number) => workspace.holdfast(["init", "--", `command-${number}`])),
    );
    expect(calls.filter(({ exitCode }) => exitCode === 0)).toHaveLength(1);
    expect(calls.filter(({ exitCode }) => exitCode === 73)).toHaveLength(3);
    expect(filesOf(workspace)).toEqual(["holdfast.json"]);
    expect(await workspace.holdfast(["status"])).toMatchObject({ exitCode: 0 });
  });

  it.skipIf(asSomebody === null)(`leaves nothing where it may not write${whyNotSomebody}`, async () => {
    const workspace = openWorkspace();
    const words = [...(asSomebody ?? []), process.execPath, bin, "-C", "/etc", "init"];
    expect(await workspace.spawn(words, { cwd: "/", input: "" }).ended).toMatchObject({
      exitCode: 73,
      stderr: expect.stringMatching(/\/etc\/holdfast\.json\n.* ls -ld \/etc\n$/),
    });
  });

  it("leaves nothing where the disk is full", async ({ skip }) => {
    const directory = mountedDirectory("tmpfs", "size=64k");
    if (directory === null) return skip(whyNotMounted);
    fillDisk(directory);
    const before = readdirSync(directory);
    const failed = await openWorkspace().holdfast(["-C", directory, "init"]);
    expect(failed).toMatchObject({ exitCode: 73, stderr: expect.stringContaining("ENOSPC") });
    expect(readdirSync(directory)).toEqual(before);
  });

  it("takes no command of no words", async () => {
    const workspace = openWorkspace();
    for (const words of [["--"], ["--", ""], ["true"]]) {
      expect(await workspace.holdfast(["init", ...words])).toMatchObject({ exitCode: 64 });
    }
    expect(filesOf(workspace)).toEqual([]);
  });
});
