import { describe, expect, it } from "vitest";
import { waitInLine } from "../support/held-lock.ts";
import { isAlive } from "../support/live-processes.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import { endOf, expectFree, startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

/** SIGKILL, and wait until it is gone. */
async function kill(...pids: number[]): Promise<void> {
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await until(() => !pids.some((pid) => isAlive(pid)));
}

describe.each(pulsesHere)("a waiter behind a session whose keeper was killed (%s pulse)", (pulse) => {
  const call = { env: { HOLDFAST_PULSE: pulse } };

  it("is told of the orphan that is in its way, waits, and runs when that is gone (R2.3, R4.6)", async () => {
    const workspace = openWorkspace();
    const lost = await startSession(workspace, agent("sleeper.sh"), call);
    const waiter = await waitInLine(workspace, ["--id", "next", "echo", "ran"], call);
    await kill(lost.keeperPid);
    await until(() => waiter.stderr().includes(`demo is in the way`));
    expect(waiter.stderr()).toMatch(/: holdfast stop demo ends it \(its keeper is dead/);
    await until(() => workspace.events("orphaned").length > 0);
    expect(workspace.events("orphaned")).toMatchObject([{ uid: lost.uid, processes: [{ pid: lost.pid }] }]);
    expect((await statusOf(workspace, call)).queue).toMatchObject([{ id: "next" }]);
    expect(isAlive(lost.pid)).toBe(true);
    expect(waiter.stdout()).toBe("");

    // Whoever is next in line may write its end, and does not know who ended what.
    const stopped = await workspace.holdfast(["stop", "demo", "--json"], call);
    expect(stopped.json().end.processes).toMatchObject([{ pid: lost.pid, how: "SIGTERM" }]);
    expect(await waiter.ended).toMatchObject({ exitCode: 0, stdout: "ran\n" });
    const asked = Date.parse(workspace.events("stop_requested")[0]?.time ?? "");
    const end = endOf(workspace, lost.uid);
    expect(end).toMatchObject({ reason: "lost" });
    expect(Date.parse(String(end["ended_at"]))).toBeGreaterThanOrEqual(asked);
    expect(workspace.events("orphaned")).toHaveLength(1);
    await expectFree(workspace, call);
  });

  // Where the orphan did not hold the lock itself, the log did not say that anybody waited, or left.
  it("is in line behind an orphan that was there before, gives up in time, and names it (R4.6)", async () => {
    const workspace = openWorkspace();
    const lost = await startSession(workspace, agent("sleeper.sh"), call);
    await kill(lost.keeperPid);
    const refused = await workspace.holdfast(["run", "--wait", "400ms", "--json", "true"], call);
    expect(refused.exitCode).toBe(75);
    expect(refused.json().error).toMatchObject({ code: "WAIT_TIMEOUT", holder: { id: "demo", orphaned: true } });
    expect(isAlive(lost.pid)).toBe(true);
    expect((await statusOf(workspace, call)).queue).toEqual([]);
    expect(workspace.events("queued")).toMatchObject([{ ticket: 1, position: 1, command: ["true"] }]);
    expect(workspace.events("unqueued")).toMatchObject([{ ticket: 1, reason: "timed out" }]);
  });

  it("waits in the background, and is told at once whom for (R4.6)", async () => {
    const workspace = openWorkspace();
    const lost = await startSession(workspace, agent("sleeper.sh"), call);
    await kill(lost.keeperPid);
    const queued = await workspace.holdfast(["start", "next", "--queue", "--json", "--", ...agent("sleeper.sh")], call);
    expect(queued.json()).toMatchObject({ queued: true, position: 1, holder: { id: "demo", orphaned: true } });
    expect(workspace.events("queued")).toMatchObject([{ session: "next", uid: queued.json().session.uid }]);
  });

  it("ends the orphan itself where limits.reap_orphans says so (R4.3, R4.7)", async () => {
    const workspace = openWorkspace();
    workspace.configure({ limits: { reap_orphans: true }, stop: { kill_after: "300ms" } });
    const lost = await startSession(workspace, agent("ignores-term.sh"), call);
    const child = await workspace.announced("child");
    const waiter = await waitInLine(workspace, ["--id", "next", "echo", "ran"], call);
    await kill(lost.keeperPid);
    expect(await waiter.ended).toMatchObject({ exitCode: 0, stdout: "ran\n" });
    expect(isAlive(lost.pid)).toBe(false);
    const ended = [lost.pid, child].map((pid) => expect.objectContaining({ pid, how: "SIGKILL" }));
    expect(workspace.events("process_ended")).toEqual(expect.arrayContaining(ended));
    expect(endOf(workspace, lost.uid)).toMatchObject({ reason: "lost", processes: expect.arrayContaining(ended) });
    await expectFree(workspace, call);
  });

  it("clears away what a dead agent has left before it takes over (R4.2, R4.3, R4.7)", async () => {
    const workspace = openWorkspace();
    const lost = await startSession(workspace, agent("family.sh"), call);
    const [child, grandchild] = [await workspace.announced("child"), await workspace.announced("grandchild")];
    const waiter = await waitInLine(workspace, ["--id", "next", "echo", "ran"], call);
    await kill(lost.keeperPid, lost.pid, child);
    expect(await waiter.ended).toMatchObject({ exitCode: 0, stdout: "ran\n" });
    expect(isAlive(grandchild)).toBe(false);
    expect(workspace.events("process_ended")).toMatchObject([{ uid: lost.uid, pid: grandchild }]);
    const order = workspace.events().filter(({ event }) => ["process_ended", "ended", "claimed"].includes(event));
    expect(order.map(({ event, session }) => [event, session])).toEqual([
      ["claimed", "demo"],
      ["process_ended", "demo"],
      ["ended", "demo"],
      ["claimed", "next"],
      ["ended", "next"],
    ]);
  });
});

describe("a waiter", () => {
  it("sees its place change when somebody further ahead leaves or gets the lock", async () => {
    const workspace = openWorkspace();
    const first = await startSession(workspace, agent("sleeper.sh"), { id: "first" });
    await workspace.holdfast(["start", "second", "--queue", "--", ...agent("sleeper.sh")]);
    await workspace.holdfast(["start", "third", "--queue", "--", ...agent("sleeper.sh")]);
    const waiter = await waitInLine(workspace, ["--id", "fourth", "true"]);
    expect(waiter.stderr()).toContain("2 ahead in line");
    expect(waiter.stderr()).toContain(`PID ${first.pid}`);
    await workspace.holdfast(["stop", "first"]);
    await until(() => /1 ahead in line .*second holds the lock/.test(waiter.stderr()));
    await workspace.holdfast(["stop", "third"]);
    await until(() => /next in line .*second holds the lock/.test(waiter.stderr()));
    await workspace.holdfast(["stop", "second"]);
    expect(await waiter.ended).toMatchObject({ exitCode: 0 });
  });

  it.each([
    ["SIGINT", "interrupted"],
    ["SIGTERM", "terminated"],
    ["SIGHUP", "hung up"],
  ] as const)("leaves at once on %s, dies of it, and the log says why (R2.2)", async (signal, reason) => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const waiter = await waitInLine(workspace, ["--id", "next", "touch", "ran"]);
    waiter.signal(signal);
    expect(await waiter.ended).toMatchObject({ exitCode: null, signal, stdout: "" });
    expect(workspace.events("queued")).toMatchObject([
      { session: "next", position: 1, ticket: 1, command: ["touch", "ran"] },
    ]);
    expect(workspace.events("unqueued")).toMatchObject([{ session: "next", reason, ticket: 1 }]);
    expect((await statusOf(workspace)).queue).toEqual([]);
    expect(workspace.events("claimed")).toHaveLength(1);
  });
});
