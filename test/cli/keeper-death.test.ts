import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import { schemaProblems } from "../support/output-schema.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import { endOf, expectFree, startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

/** SIGKILL, and wait until it is gone. */
async function kill(...pids: number[]): Promise<void> {
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await until(() => !pids.some((pid) => isAlive(pid)));
}

/** A session of which a daemon lives on, its keeper and its agent dead. */
async function leaveDaemon(workspace: Workspace, env: Readonly<Record<string, string>>) {
  const lost = await startSession(workspace, agent("daemon.mjs"), { env });
  const daemon = await workspace.announced("daemon");
  await workspace.announced("agent");
  await kill(lost.keeperPid, lost.pid);
  return { lost, daemon };
}

describe.each(pulsesHere)("a keeper that was killed (%s pulse)", (pulse) => {
  const env = { HOLDFAST_PULSE: pulse };
  const start = (workspace: Workspace, ...options: string[]) =>
    workspace.holdfast(["start", "next", ...options, "--json", "--", ...agent("sleeper.sh")], { env });

  it("leaves its session orphaned: no second agent starts beside the first; cleanup ends it (R2.3, R3.2, R3.6)", async () => {
    const workspace = openWorkspace();
    const lost = await startSession(workspace, agent("sleeper.sh"), { env });
    await kill(lost.keeperPid);

    const checked = await workspace.holdfast(["status", "--check", "--json"], { env });
    expect(checked.exitCode).toBe(1);
    expect(checked.json().session).toMatchObject({ id: "demo", uid: lost.uid, state: "orphaned" });
    expect(checked.json().session.processes).toMatchObject([{ pid: lost.pid, recorded: true }]);
    expect(checked.json().problems.join()).toContain("orphaned");

    const refused = await start(workspace);
    expect(refused.exitCode).toBe(75);
    expect(refused.json().error).toMatchObject({ code: "AGENTS_RUNNING", retryable: true, session: "demo" });
    expect(refused.json().error.processes).toMatchObject([{ pid: lost.pid }]);
    expect(refused.json().error.next).toEqual(["holdfast status", "holdfast stop demo"]);
    expect(isAlive(lost.pid)).toBe(true);
    expect(workspace.events("ended")).toEqual([]);

    const cleaned = await workspace.holdfast(["cleanup", "--json"], { env });
    expect(cleaned.json().actions).toMatchObject([{ what: "orphan", name: "demo", pid: lost.pid, result: "ended" }]);
    await expectFree(workspace, { env });
    const end = endOf(workspace, lost.uid);
    expect(end).toMatchObject({ reason: "lost", processes: [{ pid: lost.pid, how: "SIGTERM" }] });
    expect((await start(workspace)).exitCode).toBe(0);
    endOf(workspace, lost.uid);
  });

  it("and its agent too, while a grandchild lives: that is still the session (R2.3)", async () => {
    const workspace = openWorkspace();
    const lost = await startSession(workspace, agent("family.sh"), { env });
    const [child, grandchild] = [await workspace.announced("child"), await workspace.announced("grandchild")];
    await kill(lost.keeperPid, lost.pid, child);
    expect((await start(workspace)).json().error).toMatchObject({
      code: "AGENTS_RUNNING",
      processes: [{ pid: grandchild, command: "sleep 300" }],
    });
    expect((await statusOf(workspace, { env })).session).toMatchObject({ state: "orphaned" });
    const stopped = await workspace.holdfast(["stop", "demo", "--json"], { env });
    expect(stopped.json().end).toMatchObject({ reason: "lost", processes: [{ pid: grandchild }], survivors: [] });
    await expectFree(workspace, { env });
    endOf(workspace, lost.uid);
  });

  it("with a daemon that holds nothing of it but its cookie: it is found all the same (R2.3)", async () => {
    const workspace = openWorkspace();
    const { lost, daemon } = await leaveDaemon(workspace, env);
    expect((await start(workspace)).json().error).toMatchObject({
      code: "AGENTS_RUNNING",
      processes: [{ pid: daemon }],
    });
    await workspace.holdfast(["cleanup", "--orphans"], { env });
    await expectFree(workspace, { env });
    expect(endOf(workspace, lost.uid)).toMatchObject({ reason: "lost", processes: [{ pid: daemon }] });
  });

  it("with everything: the next start works at once, and closes the lost session, once (R2.1, R2.3)", async () => {
    const workspace = openWorkspace();
    const lost = await startSession(workspace, agent("family.sh"), { env });
    const [child, grandchild] = [await workspace.announced("child"), await workspace.announced("grandchild")];
    await kill(lost.keeperPid, lost.pid, child, grandchild);
    const started = await start(workspace);
    expect(started.exitCode).toBe(0);
    expect(started.elapsedMs).toBeLessThan(2000);
    expect(started.json().token).toBeGreaterThan(lost.token);
    await Promise.all([1, 2, 3].map(() => statusOf(workspace, { env })));
    expect(endOf(workspace, lost.uid)).toMatchObject({ reason: "lost", exit_code: null, processes: [] });
  });

  it("with everything: whoever looks closes it, and a listing never shows it (R1.2, R2.3)", async () => {
    const workspace = openWorkspace();
    const lost = await startSession(workspace, agent("sleeper.sh"), { env });
    await kill(lost.keeperPid, lost.pid);
    const looks = await Promise.all(
      [1, 2, 3, 4].map(() => workspace.holdfast(["status", "--check", "--json"], { env })),
    );
    expect(looks.map(({ exitCode }) => exitCode)).toEqual([3, 3, 3, 3]);
    for (const look of looks) expect(look.json()).toMatchObject({ active: false, session: null });
    expect(endOf(workspace, lost.uid)).toMatchObject({ reason: "lost" });
    await expectFree(workspace, { env });
  });

  it("is not forgotten by any number of refused starts (R2.3)", async () => {
    const workspace = openWorkspace();
    const { lost, daemon } = await leaveDaemon(workspace, env);
    const many = Array.from({ length: 20 }, () => start(workspace));
    expect(new Set((await Promise.all(many)).map(({ exitCode }) => exitCode))).toEqual(new Set([75]));
    expect(workspace.agents().map(({ pid }) => pid)).toEqual([daemon]);
    expect((await statusOf(workspace, { env })).session).toMatchObject({ uid: lost.uid, state: "orphaned" });
    await workspace.holdfast(["cleanup"], { env });
    endOf(workspace, lost.uid);
    await expectFree(workspace, { env });
  });

  it("lets start --force begin beside the orphan; status shows both, stop ends one, cleanup the other (R3.2)", async () => {
    const workspace = openWorkspace();
    const { lost, daemon } = await leaveDaemon(workspace, env);
    const forced = await startSession(workspace, agent("sleeper.sh"), { id: "next", env, options: ["--force"] });
    expect((await statusOf(workspace, { env })).session).toMatchObject({ id: "next", state: "active" });
    await workspace.holdfast(["stop", "next"], { env });
    expect(isAlive(forced.pid)).toBe(false);
    expect(isAlive(daemon)).toBe(true);
    expect((await statusOf(workspace, { env })).session).toMatchObject({ id: "demo", state: "orphaned" });
    await workspace.holdfast(["cleanup"], { env });
    await expectFree(workspace, { env });
    expect([endOf(workspace, lost.uid).reason, endOf(workspace, forced.uid).reason]).toEqual(["lost", "stopped"]);
  });

  it("is named as its session's own, also beside one that was started with --force; null once nobody knows (R2.3)", async () => {
    const workspace = openWorkspace();
    const { lost, daemon } = await leaveDaemon(workspace, env);
    const forced = await startSession(workspace, agent("sleeper.sh"), { id: "next", env, options: ["--force"] });
    const both = await workspace.holdfast(["status", "--json"], { env });
    expect(both.json().sessions).toMatchObject([
      { uid: forced.uid, token: forced.token, keeper_pid: forced.keeperPid },
      { uid: lost.uid, token: lost.token, state: "orphaned", keeper_pid: lost.keeperPid, pulse, visible: true },
    ]);
    rmSync(join(workspace.state, "claims", `session.${lost.token}`));
    const later = (await workspace.holdfast(["status", "--json"], { env })).json();
    expect(schemaProblems("status", later)).toEqual([]);
    expect(later.sessions).toMatchObject([
      { uid: forced.uid, keeper_pid: forced.keeperPid },
      { uid: lost.uid, keeper_pid: null, pulse: null, where: "here", visible: true },
    ]);
    expect(later.sessions[1].processes.map(({ pid }: { pid: number }) => pid)).toContain(daemon);
    const told = await workspace.holdfast(["status", "--verbose"], { env });
    expect(told.stdout).toMatch(/^ *keeper +dead, and its claim is gone$/m);
    await workspace.holdfast(["cleanup"], { env });
    await expectFree(workspace, { env });
  });
});

describe("a waiter behind an orphaned session", () => {
  it.each([
    ["cleanup", "--orphans"],
    ["stop", "demo"],
  ])("starts when the orphan has been ended by %s (R4.3, R4.6)", async (...command) => {
    const workspace = openWorkspace();
    const lost = await startSession(workspace);
    const waiting = workspace.spawnHoldfast(["start", "next", "--wait", "20s", "--json", "--", ...agent("sleeper.sh")]);
    await until(async () => (await statusOf(workspace)).queue[0]?.id === "next");
    await kill(lost.keeperPid);
    expect(workspace.announcements("agent")).toEqual([lost.pid]);
    expect((await workspace.holdfast(command)).exitCode).toBe(0);
    expect((await waiting.ended).exitCode).toBe(0);
    expect(endOf(workspace, lost.uid)).toMatchObject({ reason: "lost" });
    expect(isAlive(lost.pid)).toBe(false);
  });
});
