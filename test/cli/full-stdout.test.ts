import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Outcome } from "../support/program.ts";
import { startSession } from "../support/sessions.ts";
import { agent, bin, openWorkspace, type Workspace } from "../support/workspace.ts";

const full = "/dev/full";
const unwritten = "The answer could not be written to standard output: the disk is full (ENOSPC)\n";
const done = "   What was asked for has been done.\n";

describe.skipIf(!existsSync(full))("when stdout takes no more", () => {
  it("a command that has done its work says so, and that nobody heard of it: IO, exit 74", async () => {
    const workspace = openWorkspace();
    const command = ["--", ...agent("sleeper.sh")];
    for (const words of [
      ["start", "demo", ...command],
      ["--json", "join"],
      ["stop", "demo"],
    ])
      expect(await intoFull(workspace, words)).toEqual({ exitCode: 74, stderr: `✖ ${unwritten}${done}` });
    expect(workspace.events("ended")).toMatchObject([{ session: "demo", reason: "stopped" }]);
  });

  it.each([
    [["status"]],
    [["--json", "status"]],
    [["status", "--watch"]],
    [["logs"]],
    [["--json", "logs", "-f"]],
    [["logs", "-o"]],
    [["--version"]],
    [["--help"]],
  ])("%j has nothing else to say: IO, exit 74", async (words) => {
    const workspace = openWorkspace();
    await startSession(workspace, ["sh", "-c", 'echo "$$" >&2; exec sleep 300']);
    await workspace.holdfast(["wait", "--until", "output=."]);
    expect(await intoFull(workspace, words)).toEqual({ exitCode: 74, stderr: `✖ ${unwritten}` });
  });

  it("a failure that a program was to read is told on stderr", async () => {
    const { exitCode, stderr } = await intoFull(openWorkspace(), ["--json", "stop"]);
    expect(exitCode).toBe(74);
    expect(stderr).toMatch(/^✖ No active session\n/);
    expect(stderr).toContain(`✖ ${unwritten}`);
    expect(stderr).not.toContain(done);
  });

  it("what stderr does not take changes nothing", async () => {
    const workspace = openWorkspace();
    const [talks, fails] = [["status"], ["stop"]].map((words) => redirected(workspace, `2>${full}`, words));
    expect(await talks).toMatchObject({ exitCode: 0 });
    expect(await fails).toMatchObject({ exitCode: 66 });
  });
});

function redirected(workspace: Workspace, redirection: string, words: readonly string[]): Promise<Outcome> {
  const script = `exec "$@" ${redirection}`;
  return workspace.spawn(["sh", "-c", script, "sh", process.execPath, bin, ...words], { input: "" }).ended;
}

async function intoFull(workspace: Workspace, words: readonly string[]) {
  const { exitCode, stderr } = await redirected(workspace, `>${full}`, words);
  return { exitCode, stderr };
}
