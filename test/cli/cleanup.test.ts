import { existsSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { machineWithClock, setClock } from "../support/clock.ts";
import { isAlive } from "../support/live-processes.ts";
import { endOf, expectFree, startSession, statusOf, survivorsOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

/** An agent process that somebody started without holdfast; `agent.match` knows it. */
async function startStray(workspace: Workspace): Promise<number> {
  workspace.configure({ agent: { match: "^sleep 271$" }, stop: { kill_after: "300ms" } });
  const { pid } = workspace.spawn(["sleep", "271"]);
  await until(() => workspace.agents().some((entry) => entry.pid === pid && entry.command === "sleep 271"));
  return pid;
}

async function killKeeper(workspace: Workspace, keeperPid: number): Promise<void> {
  process.kill(keeperPid, "SIGKILL");
  await until(() => !workspace.keepers().some(({ pid }) => pid === keeperPid));
}

describe("cleanup", () => {
  it("ends everything: session, waiters and strays; nothing is left, and it says what it did (R3.6)", async () => {
    const workspace = openWorkspace();
    const stray = await startStray(workspace);
    const session = await startSession(workspace, agent("daemon.mjs"), { options: ["--force", "--owner", "ci"] });
    const daemon = await workspace.announced("daemon");
    const waiting = workspace.spawnHoldfast([
      "start",
      "queued",
      "--force",
      "--wait",
      "20s",
      "--",
      ...agent("sleeper.sh"),
    ]);
    await until(async () => (await statusOf(workspace)).queue.length === 1);
    const cleaned = await workspace.holdfast(["cleanup", "--force", "--json"]);
    expect(cleaned.exitCode).toBe(0);
    const { count, failed, dry_run: dry, actions } = cleaned.json();
    expect({ count, failed, dry }).toEqual({ count: actions.length, failed: 0, dry: false });
    const found = actions.map(({ what, pid, result }: Record<string, unknown>) => [what, pid, result]);
    expect(found).toEqual(
      expect.arrayContaining([
        ["session", session.pid, "ended"],
        ["process", stray, "ended"],
      ]),
    );
    expect((await waiting.ended).exitCode).not.toBe(0);
    expect(survivorsOf([stray, session.pid, daemon])).toEqual([]);
    expect(endOf(workspace, session.uid)).toMatchObject({ reason: "stopped" });
    await expectFree(workspace);
    expect((await startSession(workspace)).token).toBeGreaterThan(session.token);
  });

  it("ends waiters before their turn comes: none of them starts an agent (R3.6)", async () => {
    const workspace = openWorkspace();
    const active = await startSession(workspace);
    const waiting = [];
    for (const id of ["one", "two"]) {
      waiting.push(workspace.spawnHoldfast(["start", id, "--wait", "20s", "--", ...agent("sleeper.sh")]));
      await until(async () => (await statusOf(workspace)).queue.at(-1)?.id === id);
    }
    const { actions } = (await workspace.holdfast(["cleanup", "--json"])).json();
    await Promise.all(waiting.map(({ ended }) => ended));
    expect(actions.filter(({ what }: { what: string }) => what === "waiter")).toHaveLength(2);
    expect(workspace.announcements("agent")).toEqual([active.pid]);
    await expectFree(workspace);
  });

  it("logs each thing it did: what, why, with what result (R4.7)", async () => {
    const workspace = openWorkspace();
    const stray = await startStray(workspace);
    await workspace.holdfast(["cleanup"]);
    expect(workspace.events("process_ended")).toMatchObject([
      { pid: stray, command: "sleep 271", how: "SIGTERM", why: "outside any session" },
    ]);
    expect(workspace.events("cleaned")).toMatchObject([
      { what: "process sleep 271", why: "outside any session", result: "ended" },
    ]);
  });

  it("shows its plan with --dry-run, and does none of it (R3.6)", async () => {
    const workspace = openWorkspace();
    const stray = await startStray(workspace);
    const { pid } = await startSession(workspace, agent("sleeper.sh"), { options: ["--force"] });
    const planned = await workspace.holdfast(["cleanup", "--dry-run", "--json"]);
    expect(planned.json()).toMatchObject({ dry_run: true, count: 2, failed: 0 });
    expect(planned.json().actions).toMatchObject([
      { what: "session", name: "demo", pid, result: "planned" },
      { what: "process", pid: stray, result: "planned" },
    ]);
    expect(survivorsOf([pid, stray])).toEqual([pid, stray]);
    expect(workspace.events("cleaned")).toEqual([]);
    expect((await statusOf(workspace)).active).toBe(true);
  });

  it("plans the end of an orphan with --dry-run, and leaves it alive", async () => {
    const workspace = openWorkspace();
    const lost = await startSession(workspace);
    await killKeeper(workspace, lost.keeperPid);
    const planned = await workspace.holdfast(["cleanup", "--dry-run", "--json"]);
    const { actions } = planned.json();
    expect(actions).toMatchObject([{ what: "orphan", name: "demo", result: "planned" }]);
    expect(isAlive(lost.pid)).toBe(true);
    expect(workspace.events("ended")).toEqual([]);
  });

  it("finds nothing where nothing is, and makes nothing (R3.6)", async () => {
    const workspace = openWorkspace();
    expect((await workspace.holdfast(["cleanup", "--json"])).json()).toMatchObject({ count: 0, actions: [] });
    expect(existsSync(join(workspace.state, "claims"))).toBe(false);
    await startSession(workspace);
    await workspace.holdfast(["stop"]);
    expect((await workspace.holdfast(["cleanup", "--json"])).json()).toMatchObject({ count: 0, actions: [] });
  });

  it("kills who ignores SIGTERM, outside any session too (R3.6)", async () => {
    const workspace = openWorkspace();
    workspace.configure({ agent: { match: "ignores-term" }, stop: { kill_after: "200ms" } });
    workspace.spawn(agent("ignores-term.sh"));
    const pid = await workspace.announced("agent");
    const { actions } = (await workspace.holdfast(["cleanup", "--json"])).json();
    expect(actions).toMatchObject([{ what: "process", pid, result: "ended" }]);
    expect(isAlive(pid)).toBe(false);
    expect(workspace.events("process_ended")).toMatchObject([{ pid, how: "SIGKILL" }]);
  });
});

describe("a narrower cleanup", () => {
  it("--orphans leaves a session with a keeper alone, and ends one without (R2.3)", async () => {
    const workspace = openWorkspace();
    const healthy = await startSession(workspace);
    expect((await workspace.holdfast(["cleanup", "--orphans", "--json"])).json()).toMatchObject({ count: 0 });
    expect(isAlive(healthy.pid)).toBe(true);
    await killKeeper(workspace, healthy.keeperPid);
    const cleaned = (await workspace.holdfast(["cleanup", "--orphans", "--json"])).json();
    expect(cleaned.actions).toMatchObject([{ what: "orphan", name: "demo", pid: healthy.pid, result: "ended" }]);
    await expectFree(workspace);
  });

  it("--idle ends a session without a client and activity for so long, and only such a one (R5.3)", async () => {
    const workspace = openWorkspace();
    const { uid, pid } = await startSession(workspace);
    expect((await workspace.holdfast(["cleanup", "--idle", "--json"])).json()).toMatchObject({ count: 0, actions: [] });
    const dayAndMore = new Date(Date.now() - 25 * 3_600_000);
    backdate(workspace, uid, dayAndMore);
    // It was started just now, which is a sign of life as well.
    expect((await workspace.holdfast(["cleanup", "--idle", "--json"])).json()).toMatchObject({ count: 0 });
    await until(async () => {
      const { actions } = (await workspace.holdfast(["cleanup", "--idle", "500ms", "--json"])).json();
      return actions.length > 0 ? actions : null;
    });
    expect(isAlive(pid)).toBe(false);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "stopped", stop_reason: "idle without a client" });
  });

  it("--idle means 24 hours, --ended one, if nothing else is said (R1.4, R5.3)", async () => {
    const workspace = openWorkspace();
    const env = machineWithClock(workspace, "later");
    const cleanedAfter = async (minutes: number, option: string): Promise<unknown[]> => {
      setClock(workspace, "later", minutes * 60_000);
      return (await workspace.holdfast(["cleanup", option, "--json"], { env })).json().actions;
    };
    await startSession(workspace, agent("sleeper.sh"), { id: "silent" });
    expect(await cleanedAfter(24 * 60 - 1, "--idle")).toEqual([]);
    expect(await cleanedAfter(24 * 60 + 1, "--idle")).toMatchObject([{ name: "silent", result: "ended" }]);
    expect(await cleanedAfter(59, "--ended")).toEqual([]);
    expect(await cleanedAfter(61, "--ended")).toMatchObject([{ name: "silent", result: "removed" }]);
  });

  it("--idle spares a session with a client (R5.2, R5.3)", async () => {
    const workspace = openWorkspace();
    const { pid, uid } = await startSession(workspace);
    const client = workspace.spawn(["sleep", "300"]);
    await workspace.holdfast(["join", "demo", "--no-follow", "--pid", String(client.pid)]);
    backdate(workspace, uid, new Date(0));
    expect((await workspace.holdfast(["cleanup", "--idle", "0", "--json"])).json()).toMatchObject({ count: 0 });
    expect(isAlive(pid)).toBe(true);
    client.signal("SIGKILL");
    await client.ended;
    const { actions } = (await workspace.holdfast(["cleanup", "--idle", "0", "--json"])).json();
    expect(actions).toMatchObject([{ what: "session", name: "demo", why: "idle without a client", result: "ended" }]);
  });

  it("--idle names a run and leaves it alone: what it writes goes past holdfast (R5.3)", async () => {
    const workspace = openWorkspace();
    const run = workspace.spawnHoldfast([
      "run",
      "--id",
      "job",
      "--",
      "sh",
      "-c",
      "while echo tick; do sleep 0.1; done",
    ]);
    await until(() => run.stdout().includes("tick\ntick\n"));
    const cleaned = await workspace.holdfast(["cleanup", "--idle", "0", "--json"]);
    expect(cleaned.json()).toMatchObject({
      count: 0,
      failed: 0,
      actions: [{ what: "session", name: "job", result: "named", detail: "holdfast --lock session stop job ends it" }],
    });
    expect(isAlive(run.pid)).toBe(true);
    const younger = await workspace.holdfast(["cleanup", "--idle", "1h", "--json"]);
    expect(younger.json().actions).toEqual([]);
    expect((await workspace.holdfast(["cleanup", "--json"])).json()).toMatchObject({ count: 1 });
    expect((await run.ended).exitCode).toBe(143);
  });

  it("--ended forgets sessions that ended so long ago, and leaves the active one (R1.4)", async () => {
    const workspace = openWorkspace();
    const old = await startSession(workspace, agent("sleeper.sh"), { id: "old" });
    await workspace.holdfast(["stop"]);
    const active = await startSession(workspace);
    expect((await workspace.holdfast(["cleanup", "--ended", "--json"])).json()).toMatchObject({ count: 0 });
    expect(new Set(workspace.sessionDirectories())).toEqual(new Set([old.uid, active.uid]));
    const cleaned = (await workspace.holdfast(["cleanup", "--ended", "0", "--json"])).json();
    expect(cleaned.actions).toMatchObject([{ what: "ended_session", name: "old", result: "removed" }]);
    expect(workspace.sessionDirectories()).toEqual([active.uid]);
    expect(isAlive(active.pid)).toBe(true);
    endOf(workspace, old.uid);
  });

  it("--match ends who waits by such an id, before its turn can come, and nobody else (R3.6)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("sleeper.sh"), { id: "nightly-1" });
    for (const id of ["nightly-2", "other"]) {
      await workspace.holdfast(["start", id, "--queue", "--", ...agent("sleeper.sh")]);
    }
    const { actions } = (await workspace.holdfast(["cleanup", "--match", "nightly-*", "--json"])).json();
    expect(actions).toMatchObject([
      { what: "waiter", name: "nightly-2", result: "ended" },
      { what: "session", name: "nightly-1", result: "ended" },
    ]);
    await until(() => workspace.events("started").some(({ session }) => session === "other"));
    expect(workspace.events("claimed").map(({ session }) => session)).toEqual(["nightly-1", "other"]);
    await workspace.holdfast(["stop"]);
  });

  it("--match takes only sessions whose id matches (R3.6)", async () => {
    const workspace = openWorkspace();
    const { pid } = await startSession(workspace, agent("sleeper.sh"), { id: "nightly-7" });
    for (const glob of ["nightly", "demo*", "nightly-?7", "*.7"]) {
      expect((await workspace.holdfast(["cleanup", "--match", glob, "--json"])).json()).toMatchObject({ count: 0 });
    }
    expect(isAlive(pid)).toBe(true);
    const cleaned = await workspace.holdfast(["cleanup", "--match", "night*-?", "--json"]);
    expect(cleaned.json().actions).toMatchObject([{ what: "session", name: "nightly-7", result: "ended" }]);
    expect(isAlive(pid)).toBe(false);
  });

  it("--lock leaves other locks alone", async () => {
    const workspace = openWorkspace();
    const main = await startSession(workspace);
    const second = await startSession(workspace, agent("sleeper.sh"), { options: ["--lock", "second"] });
    await workspace.holdfast(["cleanup", "--lock", "second"]);
    expect(survivorsOf([main.pid, second.pid])).toEqual([main.pid]);
  });
});

/** Makes it look as if a session's files had not changed since then. */
function backdate(workspace: Workspace, uid: string, when: Date): void {
  for (const name of ["output.log", "clients"]) utimesSync(join(workspace.state, "sessions", uid, name), when, when);
}
