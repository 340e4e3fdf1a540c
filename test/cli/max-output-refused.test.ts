import { statfsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tell } from "../support/held-lock.ts";
import { installed, installWithoutNativePart } from "../support/installation.ts";
import { mountedDirectory, whyNotMounted } from "../support/mounted-directory.ts";
import { hasKernelPulse, whyNoNativePart } from "../support/pulses-here.ts";
import { NumberedLines } from "../support/session-output.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const writer = ["--max-output", "64KB", "--", ...agent("writes-when-told.sh", "more")];

/** What everybody is told of an output that cannot be cut. */
async function expectTold(workspace: Workspace, env: Record<string, string>, why: RegExp): Promise<void> {
  await tell(join(workspace.root, "more"), "20000");
  const problems = await until(async () => {
    const { problems: found } = (await workspace.holdfast(["status", "--json"], { env })).json();
    return found.length > 0 && found;
  });
  expect(problems).toEqual([expect.stringMatching(/^demo keeps all of its output, above its limit of 64000 bytes: /)]);
  expect(problems[0]).toMatch(why);
  const logs = async (...words: string[]) => (await workspace.holdfast(["logs", ...words], { env })).stdout;
  const { length } = [...(await logs("-o", "-n", "30000")).matchAll(/^line \d+$/gm)];
  expect(length).toBe(20_000);
  // Nothing is tried again, so nothing is said again.
  await tell(join(workspace.root, "more"), "20000");
  await until(async () => (await logs("-o", "-n", "1")) === "line 40000\n");
  await workspace.holdfast(["stop"], { env });
  const told = await logs("--event", "output_not_cut");
  expect(told.trimEnd().split("\n")).toEqual([
    expect.stringMatching(/limit of 64.0 kB and cannot be cut, so all of it/),
  ]);
  expect(await logs("--event", "output_cut")).toBe("");
}

describe("an output that cannot be cut", () => {
  it("is kept whole without the native part, and told of in the log and by status", async () => {
    const workspace = openWorkspace();
    const program = installed(installWithoutNativePart(workspace));
    const started = await workspace.spawn([...program, "start", "demo", ...writer], { input: "" }).ended;
    expect(started.exitCode).toBe(0);
    await expectTold(workspace, {}, /the native part cannot be loaded$/);
  });

  it("is kept whole on a file system that frees no part of a file, and told of", async (test) => {
    if (!hasKernelPulse) return test.skip(whyNoNativePart);
    const directory = mountedDirectory("ramfs", "mode=0700");
    if (directory === null) return test.skip(whyNotMounted);
    const workspace = openWorkspace();
    const env = { HOLDFAST_STATE_DIR: join(directory, "state") };
    expect((await workspace.holdfast(["start", "demo", ...writer], { env })).exitCode).toBe(0);
    await expectTold(workspace, env, /its file system cannot free a part of a file \(ENOTSUP\)$/);
  });
});

describe("an output that has filled the disk", () => {
  it("is cut all the same, so that the agent and the log can go on", async (test) => {
    if (!hasKernelPulse) return test.skip(whyNoNativePart);
    const directory = mountedDirectory("tmpfs", "size=1m,mode=0700");
    if (directory === null) return test.skip(whyNotMounted);
    const workspace = openWorkspace();
    const env = { HOLDFAST_STATE_DIR: join(directory, "state") };
    const output = await NumberedLines.start(workspace, { env, options: ["--max-output", "64KB"] });
    const isFull = () => statfsSync(directory).bavail === 0;
    await output.write(4_000);
    await until(() => output.isOnRecord);
    await output.write(2_000_000);
    await until(isFull, { everyMs: 0 });
    await until(() => !isFull() && output.diskBytes < 100_000);
    await output.write(3);
    const lastLine = async () => (await workspace.holdfast(["logs", "-o", "-n", "1"], { env })).stdout;
    await until(async () => (await lastLine()) === output.lastLine);
    const stopped = await workspace.holdfast(["stop", "--json"], { env });
    expect(stopped.json()).toMatchObject({ ok: true, end: { reason: "stopped" } });
  });
});
