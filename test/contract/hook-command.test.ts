import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { runHookCommand, type HookCommand } from "../../src/session/hook-command.ts";
import { isAlive, lookAt, signalIfSame } from "../support/live-processes.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

const patient = 20_000;

function hook(command: string, more: Partial<HookCommand> = {}): HookCommand {
  const directory = temporaryDirectory();
  const env = { PATH: process.env["PATH"] };
  return { command, cwd: directory, env, input: "{}\n", directory, timeoutMs: patient, ...more };
}

/** The PID of a process that lives, which a hook wrote into this file; it is gone when the test is over. */
async function pidIn(directory: string, file: string): Promise<number> {
  const pid = await until(() => Number(readFileSync(join(directory, file), "utf8")) || null);
  // In the middle of its execve(2) it has no command, and looks dead.
  const process = await until(() => lookAt(pid), { what: `${file} lives` });
  onTestFinished(() => signalIfSame(process, "SIGKILL"));
  return pid;
}

describe("runHookCommand", () => {
  it("gives it its input, from the beginning, by whichever name it opens it, and leaves no file", async () => {
    const input = `${JSON.stringify({ note: "größe".repeat(13_000) })}\n`;
    const asked = hook("cat >copy; cat /dev/stdin >again", { input });
    expect(await runHookCommand(asked)).toBeNull();
    expect(readFileSync(join(asked.cwd, "copy"), "utf8")).toBe(input);
    expect(readdirSync(asked.directory).toSorted()).toEqual(["again", "copy"]);
    const byName = hook("cat /dev/stdin >copy", { input });
    expect(await runHookCommand(byName)).toBeNull();
    expect(readFileSync(join(byName.cwd, "copy"), "utf8")).toBe(input);
  });

  it.each([
    ["exit 3", { exitCode: 3, signal: null, message: "" }],
    ["echo 'no  network' >&2; exit 1", { exitCode: 1, signal: null, message: "no  network" }],
    ["kill -TERM $$", { exitCode: null, signal: "SIGTERM", message: "" }],
    ["no-such-command-here", { exitCode: 127, signal: null, message: expect.stringContaining("not found") }],
  ])("says how it failed: %s", async (command, expected) => {
    expect(await runHookCommand(hook(command))).toEqual(expected);
  });

  it("keeps the end of what it said", async () => {
    const failure = await runHookCommand(hook("seq 100000 >&2; exit 1"));
    expect(failure?.message).toMatch(/\n99999\n100000$/);
    expect(failure?.message.length).toBeLessThanOrEqual(1024);
  });

  it("says why it could not be run", async () => {
    expect(await runHookCommand(hook("true", { cwd: "/nowhere" }))).toMatchObject({
      exitCode: null,
      message: expect.stringContaining("ENOENT"),
    });
    expect(await runHookCommand(hook("true", { directory: "/nowhere" }))).toMatchObject({
      exitCode: null,
      message: expect.stringContaining("ENOENT"),
    });
  });

  it("kills what takes too long, with its children, also when it ignores signals", async () => {
    const asked = hook("trap '' TERM INT HUP; echo $$ >leader; sleep 300 & echo $! >child; wait", { timeoutMs: 400 });
    const running = runHookCommand(asked);
    const pids = [await pidIn(asked.cwd, "leader"), await pidIn(asked.cwd, "child")];
    expect(await running).toEqual({ exitCode: null, signal: "SIGKILL", message: "it took longer than 0.4 s" });
    await until(() => !pids.some((pid) => isAlive(pid)));
  });

  it("waits for the command alone, and leaves alone what it left behind with its stderr", async () => {
    for (const exitCode of [0, 5]) {
      const asked = hook(`sleep 300 & echo $! >daemon; echo sorry >&2; exit ${exitCode}`);
      const failure = await runHookCommand(asked);
      expect(failure).toEqual(exitCode === 0 ? null : { exitCode, signal: null, message: "sorry" });
      expect(isAlive(await pidIn(asked.cwd, "daemon"))).toBe(true);
    }
  });
});
