import { rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { waitInLine } from "../support/held-lock.ts";
import { isAlive } from "../support/live-processes.ts";
import { endOf, expectFree, startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

describe("stop", () => {
  it("ends the active session: nothing is active any more, in memory, on disk or in a listing (R1.1, R1.2, R3.4)", async () => {
    const workspace = openWorkspace();
    const session = await startSession(workspace, agent("family.sh"));
    await workspace.announced("child");
    const stopped = await workspace.holdfast(["stop", "--json"]);
    expect(stopped.exitCode).toBe(0);
    expect(stopped.json()).toMatchObject({
      kind: "session",
      session: { id: "demo", uid: session.uid, phase: "ended" },
    });
    await expectFree(workspace);
    expect(endOf(workspace, session.uid)).toMatchObject({ reason: "stopped", signal: "SIGTERM" });
  });

  it("names each process it ended, and how (R3.4)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("family.sh"));
    const pids = [
      await workspace.announced("agent"),
      await workspace.announced("child"),
      await workspace.announced("grandchild"),
    ];
    const { end } = (await workspace.holdfast(["stop", "--json"])).json();
    expect(new Set(end.processes.map(({ pid }: { pid: number }) => pid))).toEqual(new Set(pids));
    expect(end.processes).toHaveLength(pids.length);
    for (const each of end.processes) {
      expect(each).toMatchObject({ how: expect.stringMatching(/^(SIGTERM|exited)$/), command: expect.any(String) });
      expect(Date.parse(each.started_at)).toBeLessThanOrEqual(Date.parse(end.ended_at));
    }
    expect(end.survivors).toEqual([]);
  });

  it("tells a person the same (R3.4)", async () => {
    const workspace = openWorkspace();
    const { pid } = await startSession(workspace);
    const stopped = await workspace.holdfast(["stop", "demo"]);
    expect(stopped.exitCode).toBe(0);
    expect(stopped.stdout).toContain("demo");
    expect(stopped.stdout).toContain(String(pid));
    expect(stopped.stdout).toContain("SIGTERM");
  });

  it("logs who asked and why, and the end with it (R3.4, R3.7, R4.7)", async () => {
    const workspace = openWorkspace();
    const { uid } = await startSession(workspace);
    await workspace.holdfast(["stop", "--reason", "deploy"], { env: { HOLDFAST_AS: "ci" } });
    expect(workspace.events("stop_requested")).toMatchObject([
      { session: "demo", uid, reason: "deploy", by: { name: "ci" } },
    ]);
    expect(endOf(workspace, uid)).toMatchObject({ ended_by: { name: "ci" }, stop_reason: "deploy" });
  });

  it("begins with the signal it is told, and with the session's own otherwise", async () => {
    const workspace = openWorkspace();
    const told = await startSession(workspace);
    await workspace.holdfast(["stop", "--signal", "INT"]);
    expect(endOf(workspace, told.uid)).toMatchObject({ signal: "SIGINT" });
    const own = await startSession(workspace, agent("sleeper.sh"), { options: ["--stop-signal", "USR1"] });
    await workspace.holdfast(["stop"]);
    expect(endOf(workspace, own.uid)).toMatchObject({ signal: "SIGUSR1" });
  });

  // A session holds the lock for a moment before it has a directory: who stopped it then failed with ENOENT.
  it("needs no directory of the session to say how it is to end (R3.4)", async () => {
    const workspace = openWorkspace();
    const { uid } = await startSession(workspace);
    rmSync(join(workspace.state, "sessions"), { recursive: true });
    const stopped = await workspace.holdfast(["stop", "demo", "--signal", "INT", "--reason", "enough", "--json"]);
    expect(stopped).toMatchObject({ exitCode: 0 });
    expect(endOf(workspace, uid)).toMatchObject({ reason: "stopped", signal: "SIGINT", stop_reason: "enough" });
    expect(stopped.json().end).toMatchObject({ stop_reason: "enough" });
    await expectFree(workspace);
  });

  it("returns only when nothing is left: the agent's port is free at once (R1.1)", async () => {
    const workspace = openWorkspace();
    const { pid } = await startSession(workspace, agent("server.mjs"));
    const port = await workspace.announced("port");
    expect(await isPortFree(port)).toBe(false);
    await workspace.holdfast(["stop"]);
    expect(await isPortFree(port)).toBe(true);
    expect(isAlive(pid)).toBe(false);
  });

  it("then start shows exactly one session, which the old one never disturbs (R1.3)", async () => {
    const workspace = openWorkspace();
    const seen = [];
    for (const id of ["first", "second", "third"]) {
      const session = await startSession(workspace, agent("daemon.mjs"), { id });
      await workspace.announced("daemon");
      const status = await statusOf(workspace);
      expect(status).toMatchObject({ active: true, session: { id, uid: session.uid, state: "active" } });
      expect(status.sessions).toBeUndefined();
      expect(status.session.pid).toBe(session.pid);
      seen.push(session);
      expect((await workspace.holdfast(["stop", id])).exitCode).toBe(0);
    }
    expect(seen.map(({ token }) => token)).toEqual([1, 2, 3]);
    for (const { uid } of seen) endOf(workspace, uid);
    await expectFree(workspace);
  });

  it("called twice at once ends the session once; both succeed or find nothing", async () => {
    const workspace = openWorkspace();
    const { uid } = await startSession(workspace, agent("family.sh"));
    const outcomes = await Promise.all([1, 2, 3].map(() => workspace.holdfast(["stop", "demo", "--json"])));
    for (const { exitCode } of outcomes) expect([0, 66]).toContain(exitCode);
    expect(outcomes.some(({ exitCode }) => exitCode === 0)).toBe(true);
    endOf(workspace, uid);
    await expectFree(workspace);
  });
});

describe("stop of a waiting session", () => {
  it("takes it out of the line by its id, and leaves the active one alone (R4.6)", async () => {
    const workspace = openWorkspace();
    const active = await startSession(workspace);
    const waiting = workspace.spawnHoldfast([
      "start",
      "queued",
      "--wait",
      "20s",
      "--json",
      "--",
      ...agent("sleeper.sh"),
    ]);
    await until(async () => (await statusOf(workspace)).queue[0]?.id === "queued");
    const stopped = await workspace.holdfast(["stop", "queued", "--json"]);
    expect(stopped.exitCode).toBe(0);
    expect(stopped.json()).toMatchObject({ kind: "waiter", session: null, waiter: { id: "queued", pid: waiting.pid } });
    expect((await waiting.ended).exitCode).not.toBe(0);
    expect(await statusOf(workspace)).toMatchObject({ queue: [], session: { uid: active.uid } });
    expect(workspace.announcements("agent")).toEqual([active.pid]);
  });

  it.each([
    ["SIGINT", "SIGINT"],
    ["SIGHUP", "SIGHUP"],
    ["SIGKILL", "SIGKILL"],
    // For an agent: Node, and so holdfast, would open a port for a debugger.
    ["SIGUSR1", "SIGTERM"],
  ])("that is to begin with %s ends it by %s", async (signal, endedBy) => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const waiting = await waitInLine(workspace, ["--id", "queued", "true"]);
    await workspace.holdfast(["stop", "queued", "--signal", signal]);
    expect(await waiting.ended).toMatchObject({ signal: endedBy });
    expect((await statusOf(workspace)).queue).toEqual([]);
  });

  it("kills it, if it does not leave, as soon as it is told to", async () => {
    const workspace = openWorkspace();
    workspace.configure({ stop: { kill_after: "10m" } });
    await startSession(workspace);
    const preload = join(import.meta.dirname, "../fixtures/preloads/hangs-in-line.cjs");
    const env = { NODE_OPTIONS: `--require ${preload}` };
    const waiting = workspace.spawnHoldfast(["run", "--id", "queued", "true"], { env });
    await until(() => workspace.events("queued").length === 1);
    const stopped = await workspace.holdfast(["stop", "queued", "--kill-after", "100ms", "--json"]);
    expect(stopped.json()).toMatchObject({ kind: "waiter", waiter: { id: "queued", pid: waiting.pid } });
    expect(await waiting.ended).toMatchObject({ signal: "SIGKILL" });
  });
});

/** Whether a server could listen there now. */
function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
