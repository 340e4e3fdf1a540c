import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { RunningProgram } from "../support/program.ts";
import { statusOf, untilItWaits } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

/** Is ready when the file `go` appears, and fails when `fail` does. */
const agent = ["sh", "-c", "until [ -e go ]; do [ -e fail ] && exit 3; sleep 0.02; done; echo all set; exec sleep 300"];

/** A session `demo` that is starting; what `start` will say is awaited by the test. */
async function startingSession(workspace: Workspace, ...options: string[]): Promise<RunningProgram> {
  const starting = workspace.spawnHoldfast(startWords(["--ready-output", "^all set$", ...options]));
  // It is starting before its agent runs, too; what the log has then depends on who is faster.
  await until(() => workspace.events("started").length === 1, { what: "the agent runs" });
  return starting;
}

function startWords(options: readonly string[]): string[] {
  return ["start", "demo", "--json", ...options, "--", ...agent];
}

/** Waits until a `join` has registered its client, which it does before it waits. */
async function registered(workspace: Workspace): Promise<void> {
  await until(() => workspace.events("joined").length > 0, { what: "a client is registered" });
}

describe("join --ready", () => {
  it("registers the client, and returns when the session is ready (R3.3, R5.2)", async () => {
    const workspace = openWorkspace();
    const starting = await startingSession(workspace);
    const pid = workspace.spawn(["sleep", "300"]).pid;
    const joining = workspace.spawnHoldfast(["join", "demo", "--ready", "--json", "--pid", String(pid)]);
    await registered(workspace);
    expect((await statusOf(workspace)).session.clients).toMatchObject([{ pid }]);
    await untilItWaits(joining);
    expect(joining.stdout()).toBe("");
    workspace.write("go", "");
    const joined = await joining.ended;
    expect(joined).toMatchObject({ exitCode: 0, stderr: "" });
    expect(joined.json()).toMatchObject({ session: { id: "demo", phase: "running" }, active_clients: 1 });
    expect((await starting.ended).exitCode).toBe(0);
    const order = workspace.events().map(({ event }) => event);
    expect(order).toEqual(["claimed", "started", "joined", "ready"]);
  });

  it("-- command runs it only then", async () => {
    const workspace = openWorkspace();
    await startingSession(workspace);
    const client = workspace.spawnHoldfast([
      "join",
      "--ready",
      "--timeout",
      "1m",
      "--",
      "sh",
      "-c",
      "touch ran; cat go",
    ]);
    await registered(workspace);
    expect(existsSync(join(workspace.root, "ran"))).toBe(false);
    workspace.write("go", "went\n");
    expect(await client.ended).toMatchObject({ exitCode: 0, stdout: "went\n" });
    expect(workspace.events("left")).toMatchObject([{ reason: "left" }]);
    const order = workspace.events().map(({ event }) => event);
    expect(order.indexOf("ready")).toBeLessThan(order.indexOf("left"));
  });

  it("returns at once from a session that is ready, and waits not at all with --timeout 0", async () => {
    const workspace = openWorkspace();
    await startingSession(workspace);
    const early = await workspace.holdfast(["join", "--ready", "--timeout", "0", "--json"]);
    expect(early.json().error).toMatchObject({ code: "WAIT_TIMEOUT", waited_seconds: 0 });
    workspace.write("go", "");
    await until(() => workspace.events("ready").length === 1);
    expect((await workspace.holdfast(["join", "--ready", "--timeout", "0"])).exitCode).toBe(0);
  });

  it.each([[[]], [["--", "touch", "ran"]]])("--timeout gives up with 75, and leaves no client: %j", async (command) => {
    const workspace = openWorkspace();
    await startingSession(workspace);
    const gaveUp = await workspace.holdfast(["join", "--ready", "--timeout", "0.3", "--json", ...command]);
    expect(gaveUp.exitCode).toBe(75);
    expect(gaveUp.json().error).toMatchObject({ code: "WAIT_TIMEOUT", retryable: true, waited_seconds: 0.3 });
    expect((await statusOf(workspace)).session).toMatchObject({ state: "starting", clients: [] });
    expect(workspace.events("left")).toMatchObject([{ reason: "left" }]);
    expect(existsSync(join(workspace.root, "ran"))).toBe(false);
  });

  it("leaves a client that was one before as it is when it gives up", async () => {
    const workspace = openWorkspace();
    await startingSession(workspace);
    const pid = workspace.spawn(["sleep", "300"]).pid;
    const words = ["join", "--json", "--pid", String(pid)];
    expect((await workspace.holdfast(words)).exitCode).toBe(0);
    expect((await workspace.holdfast([...words, "--ready", "--timeout", "0.2"])).exitCode).toBe(75);
    expect((await statusOf(workspace)).session.clients).toMatchObject([{ pid }]);
  });

  it.each([[[]], [["--timeout", "1m"]]])("fails with NO_SESSION when the session ends before: %j", async (options) => {
    const workspace = openWorkspace();
    const starting = await startingSession(workspace);
    const joining = workspace.spawnHoldfast(["join", "--ready", "--json", ...options, "--", "touch", "ran"]);
    await registered(workspace);
    await untilItWaits(joining);
    workspace.write("fail", "");
    const failed = await joining.ended;
    expect(failed.exitCode).toBe(66);
    expect(failed.json().error).toMatchObject({ code: "NO_SESSION", session: "demo" });
    expect((await starting.ended).exitCode).toBe(1);
    expect(workspace.events("left")).toMatchObject([{ client: { pid: joining.pid } }]);
    expect(existsSync(join(workspace.root, "ran"))).toBe(false);
  });

  it("refuses --timeout without --ready", async () => {
    const workspace = openWorkspace();
    const refused = await workspace.holdfast(["join", "--json", "--timeout", "1s"]);
    expect(refused.exitCode).toBe(64);
    expect(refused.json().error).toMatchObject({ code: "USAGE", message: expect.stringContaining("--ready") });
  });
});

describe("start --or-join of a session that is starting", () => {
  it("returns when that is ready, and not before (R3.3)", async () => {
    const workspace = openWorkspace();
    await startingSession(workspace);
    const joining = workspace.spawnHoldfast(startWords(["--or-join"]));
    const early = await workspace.holdfast(startWords(["--or-join", "--ready-port", "1", "--ready-timeout", "0.3"]));
    expect(early.json().error).toMatchObject({ code: "WAIT_TIMEOUT", message: "Not ready after 0.3 s" });
    await untilItWaits(joining);
    expect(joining.stdout()).toBe("");
    workspace.write("go", "");
    const joined = await joining.ended;
    expect(joined.exitCode).toBe(0);
    expect(joined.json()).toMatchObject({ joined: true, session: { id: "demo", phase: "running" } });
  });

  it("says so when that ends before", async () => {
    const workspace = openWorkspace();
    await startingSession(workspace);
    const joining = workspace.spawnHoldfast(startWords(["--or-join"]));
    await untilItWaits(joining);
    workspace.write("fail", "");
    const failed = await joining.ended;
    expect(failed.exitCode).toBe(1);
    expect(failed.json().error).toMatchObject({
      code: "START_FAILED",
      message: "demo was starting already, and ended before it was ready",
      session: "demo",
    });
    expect(workspace.events("claimed")).toHaveLength(1);
  });

  it("waits no longer than the session may take itself", async () => {
    const workspace = openWorkspace();
    // It is ended for not being ready, and takes its time to end.
    const stubborn = ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"];
    const words = (...options: string[]) => ["start", "demo", "--json", ...options, "--", ...stubborn];
    workspace.spawnHoldfast(words("--ready-output", "never", "--ready-timeout", "2s", "--kill-after", "8s"));
    await until(() => workspace.events("started").length === 1, { what: "the agent runs" });
    const joined = await workspace.holdfast(words("--or-join"));
    expect(joined.json().error).toMatchObject({ code: "WAIT_TIMEOUT", waited_seconds: 2 });
  });
});
