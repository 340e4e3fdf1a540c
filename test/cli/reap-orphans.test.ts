import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import { hasKernelPulse, pulsesHere } from "../support/pulses-here.ts";
import { endOf, startSession, statusOf, type StartedSession } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

/** A session whose keeper is dead and whose agent lives. */
async function orphanedSession(workspace: Workspace, call: Parameters<typeof startSession>[2] = {}) {
  const lost = await startSession(workspace, agent("sleeper.sh"), call);
  await kill(lost.keeperPid);
  return lost;
}

async function kill(...pids: number[]): Promise<void> {
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await until(() => !pids.some((pid) => isAlive(pid)));
}

function kindsAbout(workspace: Workspace, { uid }: StartedSession): readonly string[] {
  return workspace.events().flatMap((event) => (event["uid"] === uid ? [event.event] : []));
}

const next = ["start", "next", "--json", "--", ...agent("sleeper.sh")];

describe("an orphan, where nobody has said that orphans are to be ended", () => {
  it("is noted in the log once, whoever sees it and however many at once, and lives on (R2.3, R4.7)", async () => {
    const workspace = openWorkspace();
    const lost = await orphanedSession(workspace);
    const look = [["status"], ["status"], next, next, ["watch", "--once", "--no-reap"]];
    const looks = await Promise.all([...look, ...look].map((words) => workspace.holdfast(words)));
    expect(new Set(looks.map(({ exitCode }) => exitCode))).toEqual(new Set([0, 75]));
    expect(workspace.events("orphaned")).toMatchObject([
      { session: "demo", uid: lost.uid, lock: "session", processes: [{ pid: lost.pid }] },
    ]);
    expect(isAlive(lost.pid)).toBe(true);
    expect(workspace.events("ended")).toEqual([]);
  });

  it.each([
    ["status", ["status"], 0],
    ["a refused start", next, 75],
    ["watch --no-reap", ["watch", "--once", "--no-reap"], 0],
  ] as const)("is noted by %s alone (R2.3)", async (_, words, exitCode) => {
    const workspace = openWorkspace();
    const lost = await orphanedSession(workspace);
    expect((await workspace.holdfast(words)).exitCode).toBe(exitCode);
    expect(kindsAbout(workspace, lost)).toEqual(["claimed", "started", "orphaned"]);
  });

  it("is shown by status, and refuses a start, also where that cannot be written down", async () => {
    const workspace = openWorkspace();
    const lost = await orphanedSession(workspace);
    rmSync(join(workspace.state, "holdfast.log"));
    mkdirSync(join(workspace.state, "holdfast.log"));
    expect((await statusOf(workspace)).session).toMatchObject({ state: "orphaned" });
    expect((await workspace.holdfast(next)).json().error).toMatchObject({ code: "AGENTS_RUNNING" });
    expect(isAlive(lost.pid)).toBe(true);
  });
});

describe.each(pulsesHere)("start with limits.reap_orphans (%s pulse)", (pulse) => {
  const env = { HOLDFAST_PULSE: pulse };

  it("ends the orphan in its way first, logs that, and starts (R2.3, R4.3, R4.7)", async () => {
    const workspace = openWorkspace();
    workspace.configure({ limits: { reap_orphans: true } });
    const lost = await orphanedSession(workspace, { env });
    const started = await workspace.holdfast(next, { env });
    expect(started).toMatchObject({ exitCode: 0, stderr: "" });
    expect(started.json().token).toBeGreaterThan(lost.token);
    expect(isAlive(lost.pid)).toBe(false);
    expect(kindsAbout(workspace, lost)).toEqual(["claimed", "started", "process_ended", "ended"]);
    expect(endOf(workspace, lost.uid)).toMatchObject({
      reason: "lost",
      processes: [{ pid: lost.pid, how: "SIGTERM" }],
    });
    expect(workspace.events("cleaned")).toMatchObject([
      { what: "orphan demo", why: "its keeper is dead", result: "ended" },
    ]);
  });

  it("ends a daemon that holds nothing but the cookie, too (R2.3)", async () => {
    const workspace = openWorkspace();
    workspace.configure({ limits: { reap_orphans: true } });
    const lost = await startSession(workspace, agent("daemon.mjs"), { env });
    const daemon = await workspace.announced("daemon");
    await workspace.announced("agent");
    await kill(lost.keeperPid, lost.pid);
    expect((await workspace.holdfast(next, { env })).exitCode).toBe(0);
    expect(isAlive(daemon)).toBe(false);
    expect(endOf(workspace, lost.uid)).toMatchObject({ reason: "lost", processes: [{ pid: daemon }] });
  });
});

describe("start with limits.reap_orphans", () => {
  it("ends nothing that has a keeper (R3.1)", async () => {
    const workspace = openWorkspace();
    workspace.configure({ limits: { reap_orphans: true } });
    const healthy = await startSession(workspace);
    expect((await workspace.holdfast(next)).json().error).toMatchObject({ code: "BUSY" });
    expect(isAlive(healthy.pid)).toBe(true);
    expect(workspace.events("cleaned")).toEqual([]);
  });

  it("ends nothing that never had a session: it refuses beside it (R3.2)", async () => {
    const workspace = openWorkspace();
    workspace.configure({ limits: { reap_orphans: true }, agent: { match: "^sleep 271$" } });
    const { pid } = workspace.spawn(["sleep", "271"]);
    await until(() => workspace.agents().some((entry) => entry.pid === pid && entry.command === "sleep 271"));
    expect((await workspace.holdfast(next)).json().error).toMatchObject({ code: "AGENTS_RUNNING", session: null });
    expect(isAlive(pid)).toBe(true);
  });
});

describe.runIf(hasKernelPulse)("an orphan beside which somebody started with --force", () => {
  it("gets its end, too, when both are dead, and the other one is ended first (R2.1, R2.3)", async () => {
    const workspace = openWorkspace();
    const first = await startSession(workspace, agent("closes-descriptors.sh"), { id: "first" });
    await kill(first.keeperPid);
    const second = await startSession(workspace, agent("sleeper.sh"), { id: "second", options: ["--force"] });
    await kill(first.pid, second.keeperPid);
    expect((await workspace.holdfast(["stop", "second"])).exitCode).toBe(0);
    await workspace.holdfast(["status"]);
    for (const { uid } of [first, second]) expect(endOf(workspace, uid)).toMatchObject({ reason: "lost" });
  });
});
