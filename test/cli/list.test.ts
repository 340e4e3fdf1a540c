import { readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { holdLock, waitInLine } from "../support/held-lock.ts";
import { isAlive } from "../support/live-processes.ts";
import { schemaProblems } from "../support/output-schema.ts";
import type { Json } from "../support/program.ts";
import { endOf, startSession } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

/** The document of `list --json`, which must be as its schema has it. */
async function listOf(workspace: Workspace, ...words: readonly string[]): Promise<Json> {
  const listed = await workspace.holdfast(["list", "--json", ...words]);
  expect(listed).toMatchObject({ exitCode: 0, stderr: "" });
  expect(schemaProblems("list", listed.json())).toEqual([]);
  return listed.json();
}

/** What each is called, and where it stands. */
async function statesOf(workspace: Workspace, ...words: readonly string[]): Promise<string[]> {
  const { sessions } = await listOf(workspace, ...words);
  return sessions.map(({ id, state }: Json) => `${id} ${state}`);
}

async function kill(...pids: readonly number[]): Promise<void> {
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await until(() => !pids.some((pid) => isAlive(pid)));
}

/** Makes it look as if an ended session had ended then. */
function endedThen(workspace: Workspace, uid: string, when: Date): void {
  const path = join(workspace.state, "sessions", uid, "record.json");
  const record: Json = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ ...record, end: { ...record.end, ended_at: when.toISOString() } }));
}

describe("list", () => {
  it("says that there is nothing, makes nothing, and says how to begin", async () => {
    const workspace = openWorkspace();
    const { stdout, stderr, exitCode } = await workspace.holdfast(["list"]);
    expect({ stdout, exitCode }).toEqual({ stdout: "No sessions\n", exitCode: 0 });
    expect(stderr).toContain("holdfast start");
    expect(workspace.read(".holdfast/.gitignore")).toBe("");
    expect(await listOf(workspace)).toMatchObject({ count: 0, more: false, sessions: [] });
  });

  it("prints nothing of what is left out by -n 0, and does not say that there is none", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["run", "--id", "before", "true"]);
    const { stdout, stderr, exitCode } = await workspace.holdfast(["list", "-n", "0"]);
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 0 });
    expect(stderr).toContain("holdfast list --ended");
    expect(stderr).not.toContain("holdfast start");
    expect(await listOf(workspace, "-n", "0")).toMatchObject({ count: 0, more: true, sessions: [] });
  });

  it("shows who waits, what lives and what has ended, on every lock (R1.2, R5.1)", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["run", "--id", "before", "sh", "-c", "exit 3"]);
    const demo = await startSession(workspace);
    const client = workspace.spawn(["sleep", "300"]);
    await workspace.holdfast(["join", "--no-follow", "--pid", String(client.pid)]);
    const waiter = await waitInLine(workspace, ["--id", "next", "echo", "hello"]);
    const nightly = await holdLock(workspace, { id: "nightly", options: ["--lock", "second"] });
    const { count, sessions } = await listOf(workspace);
    expect(count).toBe(4);
    expect(sessions).toMatchObject([
      { lock: "session", state: "queued", id: "next", position: 1, pid: waiter.pid, command: ["echo", "hello"] },
      { lock: "session", state: "active", id: "demo", uid: demo.uid, token: demo.token, pid: demo.pid, end: null },
      { lock: "second", state: "active", id: "nightly", pid: nightly.agentPid, mode: "foreground", active_clients: 0 },
      { lock: "session", state: "ended", id: "before", token: 1, end: { reason: "exited", exit_code: 3 } },
    ]);
    expect(sessions[0]).toMatchObject({ by: { host: hostname() } });
    expect(sessions[1].active_clients).toBe(1);
    expect(Date.parse(sessions[1].last_activity)).toBeGreaterThanOrEqual(Date.parse(sessions[1].created_at));
    expect(sessions[1].active_seconds).toBeGreaterThan(0);
  });

  it("shows a person a table, with the lock only where there are several", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["run", "--id", "before", "sh", "-c", "exit 3"]);
    await startSession(workspace);
    const one = await workspace.holdfast(["list"]);
    expect(one.stdout).toMatch(/^ID +STATE +FOR +WHEN +COMMAND\n/);
    expect(one.stdout).toMatch(/^demo +active +\S+ +started \d\d:\d\d:\d\d +sh .*sleeper\.sh$/m);
    expect(one.stdout).toMatch(/^before +exit 3 +\S+ +ended \d\d:\d\d:\d\d +sh -c 'exit 3'$/m);
    await startSession(workspace, agent("sleeper.sh"), { id: "other", options: ["--lock", "second"] });
    const two = await workspace.holdfast(["list"]);
    expect(two.stdout).toMatch(/^ID +STATE +FOR +WHEN +LOCK +COMMAND\n/);
    expect(two.stdout).toMatch(/^other +active .* second +sh /m);
    expect(two.stdout).toMatch(/^before +exit 3 .* session +sh /m);
  });

  it("--lock shows only that lock's", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["run", "--id", "one", "true"]);
    await workspace.holdfast(["run", "--id", "two", "--lock", "second", "true"]);
    await startSession(workspace);
    expect(await statesOf(workspace, "--lock", "second")).toEqual(["two ended"]);
    expect(await statesOf(workspace, "--lock", "session")).toEqual(["demo active", "one ended"]);
    expect(await statesOf(workspace, "--lock", "third")).toEqual([]);
  });

  it("never shows as active what only says so on record; it closes it, once (R1.2, R2.3)", async () => {
    const workspace = openWorkspace();
    const first = await startSession(workspace);
    const second = await startSession(workspace, agent("sleeper.sh"), { id: "other", options: ["--lock", "second"] });
    await kill(first.keeperPid, first.pid, second.keeperPid, second.pid);
    expect(workspace.events("ended")).toEqual([]);
    const { sessions } = await listOf(workspace);
    expect(sessions.map(({ id, state, end }: Json) => [id, state, end.reason]).toSorted()).toEqual([
      ["demo", "ended", "lost"],
      ["other", "ended", "lost"],
    ]);
    expect((await listOf(workspace)).count).toBe(2);
    expect(endOf(workspace, first.uid)).toMatchObject({ reason: "lost", lock: "session" });
    expect(endOf(workspace, second.uid)).toMatchObject({ reason: "lost", lock: "second" });
  });

  it("shows an orphan as what it is, with its true age (R2.3)", async () => {
    const workspace = openWorkspace();
    const { pid, keeperPid, uid } = await startSession(workspace);
    await kill(keeperPid);
    const [orphan, ...others] = (await listOf(workspace)).sessions;
    expect(others).toEqual([]);
    expect(orphan).toMatchObject({ state: "orphaned", id: "demo", uid, pid, end: null });
    const age = (Date.now() - Date.parse(orphan.created_at)) / 1000;
    expect(orphan.active_seconds).toBeGreaterThan(0);
    expect(orphan.active_seconds).toBeLessThanOrEqual(age);
    expect((await workspace.holdfast(["list"])).stdout).toMatch(/^demo +orphaned /m);
    expect(isAlive(pid)).toBe(true);
  });

  it("shows a session that is not ready yet as starting", async () => {
    const workspace = openWorkspace();
    workspace.spawnHoldfast(["start", "slow", "--ready-output", "never", "--", ...agent("sleeper.sh")]);
    await workspace.announced("agent");
    expect(await statesOf(workspace)).toEqual(["slow starting"]);
  });

  it("says in a word how each ended (R2.1)", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["run", "--id", "fine", "true"]);
    await workspace.holdfast(["run", "--id", "limited", "--timeout", "0.1", "sleep", "300"]);
    await workspace.holdfast(["run", "--id", "shot", "sh", "-c", "kill -9 $$"]);
    await startSession(workspace, agent("sleeper.sh"), { id: "halted" });
    await workspace.holdfast(["stop"]);
    const { stdout } = await workspace.holdfast(["list"]);
    const rows = stdout.trimEnd().split("\n").slice(1);
    expect(rows.map((row) => row.split(/ {2,}/).slice(0, 2))).toEqual([
      ["halted", "stopped"],
      ["shot", "SIGKILL"],
      ["limited", "time limit"],
      ["fine", "exit 0"],
    ]);
  });

  it("keeps ended sessions in sight as long as retention.listed says; --ended shows all, and only those (R1.4)", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["run", "--id", "old", "true"]);
    const [old = ""] = workspace.sessionDirectories();
    await workspace.holdfast(["run", "--id", "new", "true"]);
    const demo = await startSession(workspace);
    endedThen(workspace, old, new Date(Date.now() - 3_700_000));
    expect(await statesOf(workspace)).toEqual(["demo active", "new ended"]);
    expect(await statesOf(workspace, "--ended")).toEqual(["new ended", "old ended"]);
    workspace.configure({ retention: { listed: "2h" } });
    expect(await statesOf(workspace)).toEqual(["demo active", "new ended", "old ended"]);
    workspace.configure({ retention: { listed: 0 } });
    expect(await statesOf(workspace)).toEqual(["demo active"]);
    // What is found dead by `--ended` has ended as well.
    await kill(demo.keeperPid, demo.pid);
    expect(await statesOf(workspace, "--ended")).toContain("demo ended");
  });

  it("-n cuts what has ended, not what lives or waits, and says that there is more", async () => {
    const workspace = openWorkspace();
    for (const id of ["one", "two", "three"]) await workspace.holdfast(["run", "--id", id, "true"]);
    await startSession(workspace);
    expect(await listOf(workspace, "-n", "2")).toMatchObject({ count: 3, more: true });
    expect(await statesOf(workspace, "-n", "2")).toEqual(["demo active", "three ended", "two ended"]);
    expect(await statesOf(workspace, "-n", "0")).toEqual(["demo active"]);
    expect(await listOf(workspace, "-n", "3")).toMatchObject({ count: 4, more: false });
    const cut = await workspace.holdfast(["list", "--ended", "-n", "1"]);
    expect(cut.stdout.trimEnd().split("\n")).toHaveLength(2);
    expect(cut.stderr).toContain("holdfast list --ended -n 5");
    const wrong = await workspace.holdfast(["list", "-n", "few"]);
    expect(wrong).toMatchObject({ exitCode: 64, stderr: expect.stringContaining("--count: expected a number") });
  });
});
