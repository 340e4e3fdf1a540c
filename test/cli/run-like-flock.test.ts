import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { tell } from "../support/held-lock.ts";
import { isAlive } from "../support/live-processes.ts";
import type { Outcome, RunningProgram } from "../support/program.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

/*
 * The same scenario with flock(1) of util-linux and with `holdfast run`, whose options keep its spellings. What is said
 * of flock here is what its manual page promises; where holdfast differs on purpose, the test's name says so.
 */

interface Tool {
  readonly name: string;
  /** A command under the lock, with these options before it. */
  readonly under: (options: readonly string[], command: readonly string[]) => readonly string[];
  /** What it exits with when the lock cannot be had. */
  readonly conflictCode: number;
}

const flock: Tool = {
  name: "flock",
  under: (options, command) => ["flock", ...options, "lock-file", ...command],
  conflictCode: 1,
};
const holdfast: Tool = {
  name: "holdfast run",
  under: (options, command) => [
    process.execPath,
    join(import.meta.dirname, "../../bin/holdfast.js"),
    "run",
    ...options,
    ...command,
  ],
  conflictCode: 75,
};
const tools = [flock, holdfast];

const found = spawnSync("flock", ["--version"], { encoding: "utf8" });

beforeEach(({ skip }) => {
  skip(found.error !== undefined, "flock(1) is not installed: nothing to compare with");
});

function call(
  workspace: Workspace,
  tool: Tool,
  options: readonly string[],
  command: readonly string[],
): Promise<Outcome> {
  return workspace.spawn(tool.under(options, command), { input: "" }).ended;
}

/** Holds the lock until it is told to let go. */
async function hold(workspace: Workspace, tool: Tool, options: readonly string[] = []): Promise<RunningProgram> {
  const holder = workspace.spawn(tool.under(options, agent("exits-when-told.sh", "let-go")));
  await workspace.announced("agent");
  return holder;
}

describe.each(tools)("under a lock of $name", (tool) => {
  it.each([
    ["exit 0", 0],
    ["exit 41", 41],
    ["kill -TERM $$", 143],
    ["kill -KILL $$", 137],
  ])("the exit code is the command's: %s", async (script, exitCode) => {
    const workspace = openWorkspace();
    expect(await call(workspace, tool, [], ["sh", "-c", script])).toMatchObject({ exitCode, stdout: "", stderr: "" });
  });

  it("-c takes one string, without arguments, for the shell", async () => {
    const workspace = openWorkspace();
    const ran = await call(workspace, tool, [], ["-c", "echo $((6 * 7)) | tr 2 3; exit 3"]);
    expect(ran).toMatchObject({ exitCode: 3, stdout: "43\n" });
  });

  it.each([["-n"], ["--nonblock"], ["-w", "0"]].map((options) => [options]))(
    "%j fails at once when the lock is held",
    async (options) => {
      const workspace = openWorkspace();
      await hold(workspace, tool);
      const refused = await call(workspace, tool, options, ["touch", "ran"]);
      expect(refused).toMatchObject({ exitCode: tool.conflictCode, stdout: "" });
      expect(readdirSync(workspace.root)).not.toContain("ran");
    },
  );

  it.each([["-n"], ["-w", "0.1"]].map((options) => [options]))("-E replaces that code, with %j", async (options) => {
    const workspace = openWorkspace();
    await hold(workspace, tool);
    expect((await call(workspace, tool, [...options, "-E", "9"], ["true"])).exitCode).toBe(9);
    expect((await call(workspace, tool, [...options, "--conflict-exit-code", "0"], ["false"])).exitCode).toBe(0);
  });

  it("-w waits for so long, fractions of a second included", async () => {
    const workspace = openWorkspace();
    await hold(workspace, tool);
    const waited = await call(workspace, tool, ["-w", "0.35"], ["touch", "ran"]);
    expect(waited.exitCode).toBe(tool.conflictCode);
    expect(waited.elapsedMs).toBeGreaterThanOrEqual(350);
    expect(waited.elapsedMs).toBeLessThan(5_000);
    expect(readdirSync(workspace.root)).not.toContain("ran");
  });

  it("-w does not wait longer than the lock is held, and neither does a call without it", async () => {
    const workspace = openWorkspace();
    const holder = await hold(workspace, tool);
    const waiters = [["-w", "20"], []].map((options) => call(workspace, tool, options, ["echo", "ran"]));
    await tell(join(workspace.root, "let-go"));
    expect((await holder.ended).exitCode).toBe(0);
    for (const waiter of waiters) {
      const waited = await waiter;
      expect(waited).toMatchObject({ exitCode: 0, stdout: "ran\n" });
      expect(waited.elapsedMs).toBeLessThan(15_000);
    }
  });

  it.each([
    ["-E", "256"],
    ["-E", "x"],
    ["-w", "x"],
    ["--no-such-option", "1"],
  ])("%s %s is a usage error (64)", async (option, value) => {
    const workspace = openWorkspace();
    const refused = await call(workspace, tool, [option, value], ["touch", "ran"]);
    expect(refused).toMatchObject({ exitCode: 64, stdout: "" });
    expect(readdirSync(workspace.root)).not.toContain("ran");
  });

  it("with -o a background child does not hold the lock", async () => {
    const workspace = openWorkspace();
    const ran = await call(workspace, tool, ["-o"], ["sh", "-c", "sleep 300 >/dev/null 2>&1 & echo $!"]);
    expect(isAlive(Number(ran.stdout))).toBe(true);
    expect((await call(workspace, tool, ["-n"], ["true"])).exitCode).toBe(0);
  });

  it("the command holds the lock on when its caller is killed, and the lock is free when both are dead", async () => {
    const workspace = openWorkspace();
    const holder = await hold(workspace, tool);
    holder.signal("SIGKILL");
    await until(() => !isAlive(holder.pid));
    expect((await call(workspace, tool, ["-n"], ["true"])).exitCode).toBe(tool.conflictCode);
    process.kill(await workspace.announced("agent"), "SIGKILL");
    expect(await call(workspace, tool, ["-w", "10"], ["echo", "ran"])).toMatchObject({ exitCode: 0, stdout: "ran\n" });
  });
});

describe("where holdfast differs from flock", () => {
  it("a background child keeps flock's lock; holdfast ends it with its session", async () => {
    const workspace = openWorkspace();
    const leave = ["sh", "-c", "sleep 300 >/dev/null 2>&1 & echo $!"];
    const [byFlock, byHoldfast] = [await call(workspace, flock, [], leave), await call(workspace, holdfast, [], leave)];
    expect([byFlock, byHoldfast].map(({ stdout }) => isAlive(Number(stdout)))).toEqual([true, false]);
    expect((await call(workspace, flock, ["-n"], ["true"])).exitCode).toBe(1);
    expect((await call(workspace, holdfast, ["-n"], ["true"])).exitCode).toBe(0);
  });
});
