import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { hasKernelPulse } from "../support/pulses-here.ts";
import { agent, bin, openWorkspace } from "../support/workspace.ts";

/** Coverage counts in a build that is not made fast. */
const isMadeFast = process.env["NODE_V8_COVERAGE"] === undefined;

/** Leases need proper-lockfile, which is loaded only for them. */
const forLeases = hasKernelPulse ? [] : [expect.stringMatching(/^main-proper-lockfile-\w+\.js$/)];

describe.skipIf(!isMadeFast)("what people wait for", () => {
  it.each([
    { words: ["--version"], files: ["main.js"] },
    { words: ["status"], files: ["main.js", "main-commands.js"] },
    { words: ["start", "demo", "--", ...agent("sleeper.sh")], files: ["main.js", "main-commands.js", ...forLeases] },
    { words: ["run", "-n", "--", "true"], files: ["main.js", "main-commands.js", ...forLeases] },
  ])("loads few files: $words.0", async ({ words, files }) => {
    const workspace = openWorkspace();
    const [preload, told] = [join(workspace.root, "tell.cjs"), join(workspace.root, "loaded")];
    writeFileSync(
      preload,
      `process.once("exit", () => require("fs").writeFileSync(${JSON.stringify(told)}, Object.keys(require.cache).join("\\n")))`,
    );
    expect(await workspace.spawn([process.execPath, "-r", preload, bin, ...words]).ended).toMatchObject({
      exitCode: 0,
    });
    const loaded = workspace
      .read("loaded")
      .split("\n")
      .filter((path) => path.includes("/dist/"));
    expect(loaded.map((path) => basename(path))).toEqual(files);
    await workspace.holdfast(["stop"]);
  });
});
