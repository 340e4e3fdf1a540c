import { mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { expectFree, startSession, statusOf } from "../support/sessions.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

describe("limits that were asked for", () => {
  it("run --idle-timeout ends a command that writes nothing: IDLE_TIMEOUT, exit 124", async () => {
    const workspace = openWorkspace();
    const command = ["sh", "-c", "echo once; exec sleep 300"];
    const ended = await workspace.holdfast(["run", "--json", "--idle-timeout", "0.5", "--", ...command]);
    expect(ended.exitCode).toBe(124);
    const [said, document] = ended.stdout.split("\n");
    expect(said).toBe("once");
    expect(workspace.events("ended")).toMatchObject([{ reason: "idle_timeout" }]);
    const session = workspace.events("ended")[0]?.session;
    const next = [`holdfast logs --session ${session}`];
    expect(JSON.parse(document ?? "").error).toMatchObject({ code: "IDLE_TIMEOUT", session, next });
    await expectFree(workspace);
  });

  it("run --idle-timeout lets a command go on that keeps writing, also past the limit", async () => {
    const workspace = openWorkspace();
    const command = ["sh", "-c", "for i in 1 2 3 4 5 6; do echo $i; sleep 0.5; done"];
    const done = await workspace.holdfast(["run", "--idle-timeout", "2", "--", ...command]);
    expect(done).toMatchObject({ exitCode: 0, stdout: "1\n2\n3\n4\n5\n6\n" });
  });

  it("start --idle-timeout ends a silent session, but not one with a client", async () => {
    const workspace = openWorkspace();
    const client = workspace.spawn(["sleep", "300"]);
    await workspace.holdfast(["start", "demo", "--idle-timeout", "1", "--", ...agent("sleeper.sh")]);
    await workspace.holdfast(["join", "demo", "--pid", String(client.pid)]);
    expect((await workspace.holdfast(["wait", "demo", "--timeout", "3"])).exitCode).toBe(75);
    expect((await statusOf(workspace)).problems).toEqual([]);
    await workspace.holdfast(["leave", "demo", "--pid", String(client.pid)]);
    await workspace.holdfast(["wait", "demo"]);
    expect(workspace.events("ended")).toMatchObject([{ reason: "idle_timeout" }]);
    client.signal("SIGKILL");
    await client.ended;
    await expectFree(workspace);
  });

  it("start --idle-timeout gives a silent agent all of its time", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["start", "demo", "--idle-timeout", "2.5", "--", ...agent("sleeper.sh")]);
    await workspace.holdfast(["wait", "demo"]);
    const [end] = workspace.events("ended");
    expect(end).toMatchObject({ reason: "idle_timeout" });
    expect(end?.["duration_seconds"]).toBeGreaterThanOrEqual(2.5);
    await expectFree(workspace);
  });

  it("start --idle-timeout ends a silent session also where its session.lock cannot be made again", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["start", "demo", "--idle-timeout", "2", "--", ...agent("sleeper.sh")]);
    const link = join(workspace.state, "session.lock");
    rmSync(link);
    mkdirSync(link);
    await workspace.holdfast(["wait", "demo"]);
    expect(workspace.events("ended")).toMatchObject([{ reason: "idle_timeout" }]);
    expect(workspace.events("cleaned")).toMatchObject([{ what: "link", result: expect.stringContaining(link) }]);
    expect(readdirSync(workspace.state).filter((name) => name.startsWith("session.lock"))).toEqual(["session.lock"]);
    rmdirSync(link);
    await expectFree(workspace);
  });

  it("start --max-time ends the session after its time", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["start", "demo", "--max-time", "0.5", "--", ...agent("sleeper.sh")]);
    await workspace.holdfast(["wait", "demo"]);
    expect(workspace.events("ended")).toMatchObject([{ reason: "max_time" }]);
    await expectFree(workspace);
  });

  it("are told by status (R3.5)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("sleeper.sh"), { options: ["--max-time", "2h", "--idle-timeout", "90m"] });
    const { session } = (await workspace.holdfast(["status", "--json"])).json();
    expect(session).toMatchObject({ max_time_seconds: 7_200, idle_timeout_seconds: 5_400 });
    const { stdout } = await workspace.holdfast(["status"]);
    expect(stdout).toMatch(/^ {3}limits {6}ends after 2h · ends when silent for 1h 30m$/m);
  });

  it("0 is no limit, also where one is configured", async () => {
    const workspace = openWorkspace();
    workspace.configure({ limits: { max_time: "0.2", idle: "0.2" } });
    const command = ["sh", "-c", "sleep 2.5; echo done"];
    const run = workspace.holdfast(["run", "--id", "run", "--timeout", "0", "--idle-timeout", "0", "--", ...command]);
    expect(await run).toMatchObject({ exitCode: 0, stdout: "done\n" });
    await workspace.holdfast(["start", "demo", "--max-time", "0", "--idle-timeout", "0", "--", ...agent("sleeper.sh")]);
    const { session } = (await workspace.holdfast(["status", "--json"])).json();
    expect(session).toMatchObject({ max_time_seconds: null, idle_timeout_seconds: null });
    await workspace.holdfast(["stop"]);
    await expectFree(workspace);
    expect(workspace.events("ended").map(({ reason }) => reason)).toEqual(["exited", "stopped"]);
  });
});
