import { describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import { startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const sleeper = agent("sleeper.sh");

async function orphan(workspace: Workspace, id: string, env: Record<string, string>, command = sleeper) {
  const lost = await startSession(workspace, command, { id, options: ["--slots", "2"], env });
  process.kill(lost.keeperPid, "SIGKILL");
  await until(() => !isAlive(lost.keeperPid));
  return lost;
}

describe.each(pulsesHere)("an orphan in one of several slots (%s pulse)", (pulse) => {
  const env = { HOLDFAST_PULSE: pulse };

  it("does not keep anybody from the other slot, with or without waiting (R3.2)", async () => {
    const workspace = openWorkspace();
    const lost = await orphan(workspace, "lost", env);
    const started = await startSession(workspace, sleeper, { id: "second", options: ["--slots", "2"], env });
    expect(started.token).toBeGreaterThan(lost.token);
    await workspace.holdfast(["stop", "second"], { env });
    const ran = await workspace.holdfast(["run", "--slots", "2", "--wait", "5s", "--", "echo", "ran"], { env });
    expect(ran).toMatchObject({ exitCode: 0, stdout: "ran\n" });
    expect(isAlive(lost.pid)).toBe(true);
    const { sessions, session } = await statusOf(workspace, { env });
    expect(sessions ?? [session]).toMatchObject([{ id: "lost", state: "orphaned" }]);
  });

  it("keeps those out who come with fewer slots, and would not meet it; who waits has its turn after it (R3.2)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, sleeper, { id: "first", options: ["--slots", "2"], env });
    // It does not hold its slot.
    const lost = await orphan(workspace, "lost", env, agent("closes-descriptors.sh"));
    expect((await workspace.holdfast(["stop", "first"], { env })).exitCode).toBe(0);
    const refused = await workspace.holdfast(["start", "next", "--json", "--", ...sleeper], { env });
    expect(refused.exitCode).toBe(75);
    expect(refused.json().error).toMatchObject({
      code: "AGENTS_RUNNING",
      next: ["holdfast status", "holdfast stop lost"],
    });
    const waiting = workspace.spawnHoldfast(["run", "--", "echo", "ran"], { env });
    await until(() => waiting.stderr().includes("lost"), { what: "it is told for whom it waits" });
    expect((await workspace.holdfast(["stop", "lost"], { env })).exitCode).toBe(0);
    expect(isAlive(lost.pid)).toBe(false);
    waiting.closeInput();
    expect(await waiting.ended).toMatchObject({ exitCode: 0, stdout: "ran\n" });
    expect(workspace.events("ended").filter(({ session }) => session === "lost")).toHaveLength(1);
  });

  it("is ended by a start that finds all slots taken, where limits.reap_orphans says so (R4.3)", async () => {
    const workspace = openWorkspace();
    const healthy = await startSession(workspace, sleeper, { id: "healthy", options: ["--slots", "2"], env });
    const lost = await orphan(workspace, "lost", env);
    const start = ["start", "third", "--slots", "2", "--json", "--", ...sleeper];
    const refused = await workspace.holdfast(start, { env });
    expect(refused.exitCode).toBe(75);
    expect(isAlive(lost.pid)).toBe(true);
    workspace.configure({ limits: { reap_orphans: true } });
    expect(await workspace.holdfast(start, { env })).toMatchObject({ exitCode: 0 });
    expect(isAlive(lost.pid)).toBe(false);
    expect(isAlive(healthy.pid)).toBe(true);
  });
});

describe("of several slots, the one is found in which", () => {
  const options = ["--slots", "2"];

  it("an orphan lives that does not hold it, also when its slot has been taken and given back (R3.4)", async () => {
    const workspace = openWorkspace();
    const healthy = await startSession(workspace, sleeper, { id: "healthy", options });
    const lost = await orphan(workspace, "lost", {}, agent("closes-descriptors.sh"));
    const refused = await workspace.holdfast(["start", "third", ...options, "--json", "--", ...sleeper]);
    expect(refused.json().error).toMatchObject({
      code: "AGENTS_RUNNING",
      next: ["holdfast status", "holdfast stop lost"],
    });
    expect(await workspace.holdfast(["stop"])).toMatchObject({
      exitCode: 64,
      stderr: expect.stringContaining("Which session? healthy, lost are active"),
    });
    expect(await workspace.holdfast(["stop", "lost"])).toMatchObject({ exitCode: 0 });
    expect({ lost: isAlive(lost.pid), healthy: isAlive(healthy.pid) }).toEqual({ lost: false, healthy: true });
  });

  it("the only one lives, and not one that is dead and has not been closed yet (R2.3)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, sleeper, { id: "healthy", options });
    const dead = await startSession(workspace, sleeper, { id: "dead", options });
    for (const pid of [dead.keeperPid, dead.pid]) process.kill(pid, "SIGKILL");
    await until(() => !isAlive(dead.keeperPid) && !isAlive(dead.pid));
    expect((await workspace.holdfast(["stop", "--json"])).json()).toMatchObject({
      ok: true,
      session: { id: "healthy" },
    });
    expect(workspace.events("ended")).toMatchObject([
      { session: "dead", reason: "lost" },
      { session: "healthy", reason: "stopped" },
    ]);
  });
});

describe("start --or-join with slots", () => {
  it("joins what was started in any slot while it waited", async () => {
    const workspace = openWorkspace();
    const options = ["--slots", "2"];
    for (const id of ["first", "second"]) await startSession(workspace, sleeper, { id, options });
    const same = ["start", ...options, "--or-join", "--wait", "60s", "--json", "--", "sleep", "301"];
    const waiting = [workspace.spawnHoldfast(same), workspace.spawnHoldfast(same)];
    await until(async () => (await statusOf(workspace)).queue.length === 2);
    await workspace.holdfast(["stop", "second"]);
    const outcomes = await Promise.all(waiting.map(({ ended }) => ended));
    const told = outcomes.map((each) => each.json());
    expect(new Set(told.map(({ joined }) => joined))).toEqual(new Set([false, true]));
    expect(new Set(told.map(({ session }) => session.uid)).size).toBe(1);
  });

  it("joins the same command in whichever slot it runs, and starts another one beside others", async () => {
    const workspace = openWorkspace();
    const options = ["--slots", "2"];
    await startSession(workspace, ["sleep", "301"], { id: "first", options });
    const second = await startSession(workspace, ["sleep", "302"], {
      id: "second",
      options: [...options, "--or-join"],
    });
    const joined = await workspace.holdfast(["start", ...options, "--or-join", "--json", "--", "sleep", "302"]);
    expect(joined.json()).toMatchObject({ joined: true, session: { uid: second.uid } });
  });
});
