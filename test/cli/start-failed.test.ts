import { chmodSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Outcome } from "../support/program.ts";
import { expectFree, startSession } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, bin, openWorkspace, type Workspace } from "../support/workspace.ts";

describe("an agent that does not come to run", () => {
  it("is NOT_FOUND, exit 127, when there is no such command; nothing stays (R3.1)", async () => {
    const workspace = openWorkspace();
    const failed = await start(workspace, ["no-such-engine", "--fast"]);
    expect(failed.exitCode).toBe(127);
    expect(failed.json().error).toMatchObject({
      code: "NOT_FOUND",
      message: "Command not found: no-such-engine",
      retryable: false,
      next: ['echo "$PATH"', "holdfast logs"],
    });
    await expectNothingLeft(workspace);
  });

  it("is ended where its output cannot be trusted, and whether it is ready cannot be told (R3.1)", async () => {
    const workspace = openWorkspace();
    const replaces = 'out=$(readlink /proc/$$/fd/1); ln -sf /etc/hostname "$out"; exec sleep 300';
    const ready = ["--ready-output", "never", "--ready-timeout", "500ms"];
    const failed = await workspace.holdfast(["start", "demo", ...ready, "--json", "--", "sh", "-c", replaces]);
    expect(failed.json().error).toMatchObject({ code: "NOT_PERMITTED", output: "" });
    await until(() => workspace.agents().length === 0);
    await expectFree(workspace);
  });

  it("is NOT_EXECUTABLE, exit 126, when it may not be run; nothing stays (R3.1)", async () => {
    const workspace = openWorkspace();
    chmodSync(workspace.write("engine.sh", "#!/bin/sh\nsleep 300\n"), 0o644);
    const failed = await start(workspace, ["./engine.sh"]);
    expect(failed.exitCode).toBe(126);
    expect(failed.json().error).toMatchObject({ code: "NOT_EXECUTABLE", retryable: false });
    expect(failed.json().error.message).toContain("./engine.sh");
    await expectNothingLeft(workspace);
  });

  it("is START_FAILED, exit 1, with its last lines, when it ends at once; nothing stays (R3.1)", async () => {
    const workspace = openWorkspace();
    const failed = await start(workspace, agent("crashes.sh"));
    expect(failed.exitCode).toBe(1);
    const { error } = failed.json();
    expect(error).toMatchObject({ code: "START_FAILED", exit_code: 3, signal: null, command: agent("crashes.sh") });
    expect(error.next).toEqual(["holdfast logs"]);
    expect(workspace.events("start_failed")).toMatchObject([{ session: error.session }]);
    expect(error.output.trimEnd().split("\n")).toHaveLength(10);
    expect(error.output).toMatch(/line 15\nfatal: no such market\n$/);
    await expectNothingLeft(workspace);
  });

  it("is START_FAILED also when it ends at once with 0, or by a signal", async () => {
    const workspace = openWorkspace();
    const done = await start(workspace, ["true"]);
    expect(done.exitCode).toBe(1);
    expect(done.json().error).toMatchObject({ code: "START_FAILED", exit_code: 0 });
    const killed = await start(workspace, ["sh", "-c", "kill -ABRT $$"]);
    expect(killed.exitCode).toBe(1);
    expect(killed.json().error).toMatchObject({ code: "START_FAILED", exit_code: null, signal: "SIGABRT" });
    await expectNothingLeft(workspace);
  });

  it("shows a person why, with the agent's own last words (R3.1)", async () => {
    const workspace = openWorkspace();
    const failed = await workspace.holdfast(["start", "demo", "--", ...agent("crashes.sh")]);
    expect(failed).toMatchObject({ exitCode: 1, stdout: "" });
    expect(failed.stderr).toContain("exit code 3");
    expect(failed.stderr).toContain("fatal: no such market");
    expect(failed.stderr).not.toContain("line 5\n");
  });

  it("takes down what it has already started (R4.2)", async () => {
    const workspace = openWorkspace();
    const failed = await start(workspace, ["sh", "-c", 'sleep 300 & echo "left $!" >>"$ANNOUNCE"; exit 4']);
    expect(failed.json().error).toMatchObject({ code: "START_FAILED", exit_code: 4 });
    expect(workspace.announcements("left")).toHaveLength(1);
    await expectNothingLeft(workspace);
  });

  it("is told when its working directory, or the caller's, is gone (USAGE 64)", async () => {
    const workspace = openWorkspace();
    for (const options of [[], ["-C", workspace.root]]) {
      workspace.write("gone/file", "");
      const call = ["node", bin, "start", "demo", ...options, "--json", "--", "sleep", "300"];
      const script = 'rm -r "$PWD" && exec "$@"';
      const failed = await workspace.spawn(["sh", "-c", script, "sh", ...call], {
        cwd: join(workspace.root, "gone"),
        input: "",
      }).ended;
      expect(failed.exitCode).toBe(64);
      expect(failed.json().error.message).toMatch(/directory does not exist\n.*\/gone$/);
    }
    await expectNothingLeft(workspace);
  });

  it("ends in the log as start_failed, exactly once, and does not keep the next one from starting (R2.1)", async () => {
    const workspace = openWorkspace();
    await start(workspace, ["no-such-engine"]);
    await start(workspace, agent("crashes.sh"));
    const claimed = workspace.events("claimed").map(({ uid }) => uid);
    const ended = workspace.events("ended");
    expect(ended.map(({ uid }) => uid)).toEqual(claimed);
    expect(ended.map(({ reason }) => reason)).toEqual(["start_failed", "start_failed"]);
    expect(ended[1]).toMatchObject({ exit_code: 3 });
    expect(workspace.events("started")).toEqual([]);
    expect(await startSession(workspace)).toMatchObject({ token: 3 });
  });
});

function start(workspace: Workspace, command: readonly string[]): Promise<Outcome> {
  return workspace.holdfast(["start", "demo", "--json", "--", ...command]);
}

async function expectNothingLeft(workspace: Workspace): Promise<void> {
  await expectFree(workspace);
  expect(workspace.sessionDirectories()).toEqual([]);
  expect(readdirSync(join(workspace.state, "claims")).filter((name) => name.startsWith("."))).toEqual([]);
}
