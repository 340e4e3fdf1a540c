import { describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import { expectFree, startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, bin, openWorkspace, type Workspace } from "../support/workspace.ts";

const other = ["start", "other", "--", "sh", "-c", "echo started >started; sleep 300"];

describe("start while a session is active", () => {
  it("is refused within a second, with BUSY, the holder, and what to do instead (R3.1)", async () => {
    const workspace = openWorkspace();
    const active = await startSession(workspace, agent("sleeper.sh"), {
      options: ["--owner", "ci", "--note", "nightly"],
    });
    const refused = await workspace.holdfast([...other.slice(0, 2), "--json", ...other.slice(2)]);
    expect(refused.exitCode).toBe(75);
    expect(refused.elapsedMs).toBeLessThan(1000);
    const { error } = refused.json();
    expect(error).toMatchObject({
      code: "BUSY",
      message: "Session already active: demo",
      retryable: true,
      next: [
        "holdfast join demo",
        `holdfast start other --wait 10m -- sh -c 'echo started >started; sleep 300'`,
        "holdfast stop demo",
      ],
    });
    expect(error.holder).toMatchObject({
      id: "demo",
      uid: active.uid,
      token: active.token,
      pid: active.pid,
      command: agent("sleeper.sh"),
      owner: "ci",
      orphaned: false,
      ending: false,
    });
    expect(error.holder.held_seconds).toBeGreaterThan(0);
    expect(workspace.read("started")).toBe("");
    expect(workspace.events("claimed")).toHaveLength(1);
  });

  it("says that the session is ending, and not to stop it once more (R3.1)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("ignores-term.sh"));
    const stopping = workspace.spawnHoldfast(["stop", "--kill-after", "10m"]);
    await until(async () => (await statusOf(workspace)).session.state === "ending");
    const { error } = (await workspace.holdfast([...other.slice(0, 2), "--json", ...other.slice(2)])).json();
    expect(error.message).toBe("Session already active: demo, which is ending");
    expect(error.next).toEqual([expect.stringMatching(/^holdfast start other --wait 10m -- /)]);
    expect(error.holder.ending).toBe(true);
    const late = await workspace.holdfast(["run", "--wait", "1s", "true"]);
    expect(late.stderr).toContain("demo is ending, and holds the lock");
    expect(late.stderr).not.toContain("holdfast stop");
    await workspace.holdfast(["stop", "--kill-after", "0"]);
    expect((await stopping.ended).exitCode).toBe(0);
  });

  it("tells a person the same on stderr, with the hint to join (R3.1)", async () => {
    const workspace = openWorkspace();
    const { pid } = await startSession(workspace);
    const refused = await workspace.holdfast(other);
    expect(refused).toMatchObject({ exitCode: 75, stdout: "" });
    expect(refused.stderr).toContain("Session already active: demo");
    expect(refused.stderr).toContain(`PID ${pid}`);
    expect(refused.stderr).toContain("holdfast join demo");
  });

  it("is refused for the same id as well: an id is no key (R3.1)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const again = await workspace.holdfast(["start", "demo", "--json", "--", ...agent("sleeper.sh")]);
    expect(again).toMatchObject({ exitCode: 75 });
    expect(workspace.agents()).toHaveLength(1);
  });

  it("joins the session of the same command with --or-join (R3.1, R3.3)", async () => {
    const workspace = openWorkspace();
    const active = await startSession(workspace);
    const joined = await workspace.holdfast(["start", "mine", "--or-join", "--json", "--", ...agent("sleeper.sh")]);
    expect(joined.exitCode).toBe(0);
    expect(joined.json()).toMatchObject({
      joined: true,
      token: active.token,
      session: { id: "demo", uid: active.uid },
    });
    expect(workspace.agents()).toHaveLength(1);
  });

  it("starts with --or-join when nothing is active", async () => {
    const workspace = openWorkspace();
    const started = await workspace.holdfast(["start", "mine", "--or-join", "--json", "--", ...agent("sleeper.sh")]);
    expect(started.json()).toMatchObject({ joined: false, session: { id: "mine" } });
  });

  it("refuses --or-join for another command, and shows both", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const conflict = await workspace.holdfast(["start", "mine", "--or-join", "--json", "--", "sleep", "7"]);
    expect(conflict.exitCode).toBe(75);
    expect(conflict.json().error).toMatchObject({
      code: "BUSY",
      holder: { id: "demo", command: agent("sleeper.sh"), ending: false },
      active_command: agent("sleeper.sh"),
      wanted_command: ["sleep", "7"],
    });
  });
});

describe("start inside its own session", () => {
  it("is refused at once and for good: it would wait for itself", async () => {
    const workspace = openWorkspace();
    const { uid } = await startSession(workspace, [
      "sh",
      "-c",
      'node "$0" start inner --wait 10m --json -- true; echo exit $?; exec sleep 300',
      bin,
    ]);
    await until(() => workspace.agentOutput(uid).includes("exit"));
    const [document = "", exit] = workspace.agentOutput(uid).split("\n");
    expect(exit).toBe("exit 75");
    expect(JSON.parse(document).error).toMatchObject({ code: "BUSY", retryable: false });
  });

  it("may start a session on another lock, which does not end with it", async () => {
    const workspace = openWorkspace();
    const outer = await startSession(workspace, [
      "sh",
      "-c",
      'node "$0" start inner --lock second -- sleep 300; exec sleep 300',
      bin,
    ]);
    const inner = await until(async () => (await statusOf(workspace, { options: ["--lock", "second"] })).session?.pid);
    await workspace.holdfast(["stop", "demo"]);
    expect(isAlive(outer.pid)).toBe(false);
    expect(isAlive(inner)).toBe(true);
    expect((await statusOf(workspace, { options: ["--lock", "second"] })).active).toBe(true);
  });
});

describe("start beside agent processes outside any session", () => {
  it("is refused with their number and the hint to clean up (R3.2)", async () => {
    const workspace = openWorkspace();
    const stray = await startStray(workspace);
    const refused = await workspace.holdfast(["start", "demo", "--json", "--", ...agent("family.sh")]);
    expect(refused.exitCode).toBe(75);
    const { error } = refused.json();
    expect(error).toMatchObject({ code: "AGENTS_RUNNING", retryable: true });
    expect(error.message).toMatch(/^1 agent process already running/);
    expect(error.next).toEqual(["holdfast status", "holdfast cleanup --dry-run", "holdfast cleanup"]);
    expect(error.processes).toMatchObject([{ pid: stray, command: "sleep 271" }]);
    expect(workspace.events("claimed")).toEqual([]);
    expect(isAlive(stray)).toBe(true);
  });

  it("counts them: N agent processes already running (R3.2)", async () => {
    const workspace = openWorkspace();
    await startStray(workspace);
    await startStray(workspace);
    const refused = await workspace.holdfast(["start", "demo", "--", ...agent("sleeper.sh")]);
    expect(refused.stderr).toContain("2 agent processes already running");
    expect(refused.stderr).toContain("holdfast cleanup");
  });

  it("starts all the same with --force (R3.2)", async () => {
    const workspace = openWorkspace();
    const stray = await startStray(workspace);
    await startSession(workspace, agent("sleeper.sh"), { options: ["--force"] });
    expect(isAlive(stray)).toBe(true);
    expect((await statusOf(workspace)).outside).toMatchObject([{ pid: stray, recorded: false }]);
  });
});

it("a configured command that is too long for the system is told so, and in the way of nothing else", async () => {
  const workspace = openWorkspace();
  workspace.configure({ agent: { command: ["sleep", "9".repeat(200_000)] } });
  const refused = await workspace.holdfast(["start", "demo", "--json"]);
  expect(refused.exitCode).toBe(126);
  expect(refused.json().error).toMatchObject({ code: "NOT_EXECUTABLE", errno: "E2BIG" });
  expect((await statusOf(workspace)).active).toBe(false);
  await expectFree(workspace);
});

/** An agent that somebody started without holdfast; `agent.match` knows it. */
async function startStray(workspace: Workspace): Promise<number> {
  workspace.configure({ agent: { match: "^sleep 271$" } });
  const { pid } = workspace.spawn(["sleep", "271"]);
  return until(() => workspace.agents().find((entry) => entry.pid === pid && entry.command === "sleep 271")?.pid);
}
