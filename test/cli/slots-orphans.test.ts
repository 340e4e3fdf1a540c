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

describe("start --or-join with slots", () => {
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
