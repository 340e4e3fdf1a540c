import { describe, expect, it } from "vitest";
import { startSession } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

describe("who takes longer than a moment says on stderr what it waits for", () => {
  it("stop: how long the agent is given (R3.4)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("ignores-term.sh"));
    await workspace.announced("agent");
    const stopped = await workspace.holdfast(["stop", "--kill-after", "2s"]);
    expect(stopped.stderr).toBe("waiting for demo to end: it is given 2s, and then killed\n");
  });

  it.each([
    ["ended", /^waiting for demo to end; it has the lock for \d+s\n$/],
    ["output=never", /^waiting for demo to write that; it has the lock for \d+s\n$/],
    ["free", /^waiting for the lock: demo has the lock for \d+s\n$/],
  ])("wait --until %s: for whom", async (what, text) => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const waiting = workspace.spawnHoldfast(["wait", "--until", what]);
    await until(() => waiting.stderr() !== "");
    expect(waiting.stderr()).toMatch(text);
    await workspace.holdfast(["stop"]);
    await waiting.ended;
  });

  it("wait for one that is in line: for whose end (R4.6)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    await workspace.holdfast(["start", "next", "--queue", "--", "true"]);
    const waiting = workspace.spawnHoldfast(["wait", "next"]);
    await until(() => waiting.stderr() !== "");
    expect(waiting.stderr()).toMatch(/^waiting for the turn of next: demo has the lock for \d+s\n$/);
    await workspace.holdfast(["stop"]);
    await waiting.ended;
  });

  it.each([[[]], [["--wait", "5s"]]])("start %j with --ready-…: that the agent runs (R3.1)", async (options) => {
    const workspace = openWorkspace();
    const ready = ["--ready-output", "never", "--ready-timeout", "2500ms"];
    const started = await workspace.holdfast(["start", "demo", ...options, ...ready, "--", ...agent("sleeper.sh")]);
    const [first] = started.stderr.split("\n");
    expect(first).toMatch(/^demo runs \(PID \d+\); it is given 2s to be ready$/);
  });

  it("start --launcher: that the launcher runs (R3.1)", async () => {
    const workspace = openWorkspace();
    const started = workspace.spawnHoldfast(["start", "demo", "--launcher", "--", ...agent("sleeper.sh")]);
    await until(() => started.stderr() !== "");
    expect(started.stderr()).toMatch(/^the launcher of demo runs \(PID \d+\); it is given 1m to return\n$/);
    await workspace.holdfast(["stop"]);
    expect((await started.ended).exitCode).not.toBe(0);
  });

  it.each([
    [["join", "--ready", "--timeout", "90s", "--no-follow"], "waiting until demo is ready, at most 1m 30s\n"],
    [["join", "--ready", "--", "true"], "waiting until demo is ready, for as long as it takes\n"],
    [["start", "--or-join", "--", ...agent("sleeper.sh")], /^demo runs \(PID \d+\); it is given 5m to be ready\n$/],
  ])("%j: who is not ready yet (R3.3)", async (words, text) => {
    const workspace = openWorkspace();
    const ready = ["--ready-output", "never", "--ready-timeout", "5m"];
    const starting = workspace.spawnHoldfast(["start", "demo", ...ready, "--", ...agent("sleeper.sh")]);
    await until(() => workspace.events("started").length > 0);
    const joining = workspace.spawnHoldfast(words);
    await until(() => joining.stderr() !== "");
    expect(joining.stderr()).toMatch(text);
    await workspace.holdfast(["stop"]);
    await Promise.all([starting.ended, joining.ended]);
  });

  it("but not with --quiet", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("ignores-term.sh"));
    await workspace.announced("agent");
    expect((await workspace.holdfast(["stop", "--kill-after", "1500ms", "--quiet"])).stderr).toBe("");
  });
});
