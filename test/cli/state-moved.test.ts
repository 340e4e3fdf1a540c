import { renameSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import { endOf, expectFree, startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const awayOf = (workspace: Workspace): string => join(workspace.root, "away");

/** Longer than it takes the keeper to look again. */
async function untilKeeperIsLate(): Promise<void> {
  const since = performance.now();
  await until(() => performance.now() - since > 1_100);
}

describe.each(pulsesHere)("a session whose state directory is moved away (%s pulse)", (pulse) => {
  const env = { HOLDFAST_PULSE: pulse };

  it("stands again where it was; what was moved is no more than a copy, and nobody is ended from there (R3.1)", async () => {
    const workspace = openWorkspace();
    const { uid, pid } = await startSession(workspace, agent("sleeper.sh"), { env });
    renameSync(workspace.state, awayOf(workspace));
    await until(() => workspace.events("lock_restored").length === 1);
    expect((await statusOf(workspace, { env })).session).toMatchObject({ uid, pid, token: 1, state: "active" });
    const refused = await workspace.holdfast(["start", "next", "--json", "--", ...agent("sleeper.sh")], { env });
    expect(refused.json().error).toMatchObject({ code: "BUSY", holder: { uid } });
    const there = { env: { ...env, HOLDFAST_STATE_DIR: awayOf(workspace) } };
    // The lease of the moved claim is silent, and still young; the kernel lock is held there, too.
    const stopped = await workspace.holdfast(["stop", "--json"], there);
    expect(stopped.exitCode).toBe(77);
    expect(stopped.json().error).toMatchObject({ path: workspace.state });
    expect((await workspace.holdfast(["cleanup"], there)).exitCode).toBe(1);
    const beside = await workspace.holdfast(["start", "next", "--json", "--", ...agent("sleeper.sh")], there);
    expect(beside.json().error).toMatchObject({ code: "BUSY", holder: { uid } });
    expect(isAlive(pid)).toBe(true);
    expect((await workspace.holdfast(["stop"], { env })).exitCode).toBe(0);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "stopped" });
    await expectFree(workspace, { env });
    expect((await workspace.holdfast(["run", "-n", "true"], there)).exitCode).toBe(0);
  });

  it("and back again before its keeper looks, goes on as if nothing had happened (R3.1)", async () => {
    const workspace = openWorkspace();
    const { uid, pid, keeperPid } = await startSession(workspace, agent("sleeper.sh"), { env });
    process.kill(keeperPid, "SIGSTOP");
    renameSync(workspace.state, awayOf(workspace));
    await untilKeeperIsLate();
    renameSync(awayOf(workspace), workspace.state);
    process.kill(keeperPid, "SIGCONT");
    await untilKeeperIsLate();
    expect((await statusOf(workspace, { env })).session).toMatchObject({ uid, pid, token: 1, state: "active" });
    expect((await workspace.holdfast(["stop"], { env })).exitCode).toBe(0);
    expect(workspace.events().map(({ event }) => event)).toEqual(["claimed", "started", "stop_requested", "ended"]);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "stopped" });
  });

  it("is ended when a newcomer took the lock before its keeper looked: never two for long (R3.1)", async () => {
    const workspace = openWorkspace();
    const first = await startSession(workspace, agent("sleeper.sh"), { id: "first", env });
    process.kill(first.keeperPid, "SIGSTOP");
    renameSync(workspace.state, awayOf(workspace));
    // Who knows where it went finds it held.
    const there = { env: { ...env, HOLDFAST_STATE_DIR: awayOf(workspace) } };
    expect((await workspace.holdfast(["run", "-n", "true"], there)).exitCode).toBe(75);
    const second = await startSession(workspace, agent("sleeper.sh"), { id: "second", env });
    process.kill(first.keeperPid, "SIGCONT");
    await until(() => !isAlive(first.keeperPid));
    expect([first, second].map(({ pid }) => isAlive(pid))).toEqual([false, true]);
    expect(workspace.events("lock_lost")).toMatchObject([{ session: "first", uid: first.uid }]);
    expect(endOf(workspace, first.uid)).toMatchObject({ reason: "lock_lost" });
    expect((await statusOf(workspace, { env })).session).toMatchObject({ uid: second.uid, state: "active" });
  });
});

describe("two state directories of one project", () => {
  // The agent carries the cookie of a session that the other directory does not know: it took that for one that is over.
  it("know nothing of each other: a clean-up of one ends nothing of the other (R3.6)", async () => {
    const workspace = openWorkspace();
    const env = { HOLDFAST_STATE_DIR: "other" };
    const [here, there] = [await startSession(workspace), await startSession(workspace, agent("sleeper.sh"), { env })];
    expect((await workspace.holdfast(["cleanup", "--json"], { env })).json().actions).toMatchObject([{ name: "demo" }]);
    expect([here, there].map(({ pid }) => isAlive(pid))).toEqual([true, false]);
    const { pid } = await startSession(workspace, agent("sleeper.sh"), { env });
    expect((await workspace.holdfast(["cleanup"])).exitCode).toBe(0);
    expect([here.pid, pid].map((each) => isAlive(each))).toEqual([false, true]);
    expect((await workspace.holdfast(["stop"], { env })).exitCode).toBe(0);
  });
});
