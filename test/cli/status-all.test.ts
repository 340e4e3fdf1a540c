import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { schemaProblems } from "../support/output-schema.ts";
import type { Json } from "../support/program.ts";
import { startSession } from "../support/sessions.ts";
import { isAlive, lookAt } from "../support/live-processes.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

/** One session on the default lock, one on `ci`. */
async function twoLocks(workspace: Workspace) {
  const demo = await startSession(workspace);
  const job = await startSession(workspace, agent("sleeper.sh"), { id: "job", options: ["--lock", "ci"] });
  return { demo, job };
}

async function allOf(workspace: Workspace, exitCode = 0): Promise<Json> {
  const told = await workspace.holdfast(["status", "--all", "--json"]);
  expect(told.exitCode).toBe(exitCode);
  expect(schemaProblems("status-all", told.json())).toEqual([]);
  return told.json();
}

describe("status --all", () => {
  it("tells of every lock, the default one first, also where another is named", async () => {
    const workspace = openWorkspace();
    const { demo, job } = await twoLocks(workspace);
    const { locks, problems } = await allOf(workspace);
    expect(problems).toEqual([]);
    expect(locks).toMatchObject([
      { lock: "session", active: true, session: { id: "demo", processes: [{ pid: demo.pid }] } },
      { lock: "ci", active: true, session: { id: "job", processes: [{ pid: job.pid }] } },
    ]);
    const { stdout, exitCode } = await workspace.holdfast(["status", "--all"], { env: { HOLDFAST_LOCK: "ci" } });
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: expect.stringMatching(/^Lock session\n\n🔒 demo {3}active [^]*\n\nLock ci\n\n🔒 job {3}active /),
    });
  });

  it("says what to do about each on its own lock", async () => {
    const workspace = openWorkspace();
    const { job } = await twoLocks(workspace);
    process.kill(job.keeperPid, "SIGKILL");
    await until(() => !isAlive(job.keeperPid));
    const { stdout } = await workspace.holdfast(["status", "--all"]);
    expect(stdout).toMatch(/🔒 demo [^]*🚨 job {3}orphaned/u);
    expect(stdout).toContain("holdfast --lock ci stop job");
    expect(stdout).not.toContain("holdfast stop");
    expect((await workspace.holdfast(["status", "--all", "--check"])).exitCode).toBe(1);
  });

  it("tells once of what is the directory's: agents outside any session, and a wrong configuration", async () => {
    const workspace = openWorkspace();
    workspace.configure({ agent: { match: "^sleep 271$" } });
    await twoLocks(workspace);
    const stray = workspace.spawn(["sleep", "271"]);
    await until(() => lookAt(stray.pid)?.command === "sleep 271");
    const { locks } = await allOf(workspace);
    expect(locks.map(({ outside }: Json) => outside.map(({ pid }: Json) => pid))).toEqual([[stray.pid], []]);
    workspace.configure({ agents: {} });
    const told = (await allOf(workspace)).locks.map((lock: Json) => lock.problems.length);
    expect(told).toEqual([1, 0]);
  });

  it("shows the others when one cannot be read, and exits with why", async () => {
    const workspace = openWorkspace();
    const { job } = await twoLocks(workspace);
    await workspace.holdfast(["stop", "job", "--lock", "ci"]);
    writeFileSync(join(workspace.state, `claims/ci.${job.token}`), "damaged");
    const { locks, problems } = await allOf(workspace, 65);
    expect(locks).toMatchObject([{ lock: "session", session: { id: "demo" } }]);
    expect(problems).toEqual([expect.stringContaining(`claims/ci.${job.token}`)]);
    const { stdout, exitCode } = await workspace.holdfast(["status", "--all"]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 65, stdout: expect.stringMatching(/ci\.1[^]*🔒 demo/u) });
  });

  it("--check: 0 when a session is active on any, 3 when on none", async () => {
    const workspace = openWorkspace();
    const check = async () => (await workspace.holdfast(["status", "--all", "--check"])).exitCode;
    expect(await check()).toBe(3);
    await startSession(workspace, agent("sleeper.sh"), { id: "job", options: ["--lock", "ci"] });
    expect(await check()).toBe(0);
    await workspace.holdfast(["stop", "job", "--lock", "ci"]);
    expect(await check()).toBe(3);
  });

  it("does not go with --watch", async () => {
    const workspace = openWorkspace();
    const { exitCode, stderr } = await workspace.holdfast(["status", "--all", "--watch"]);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 64,
      stderr: expect.stringContaining("--watch looks at one lock"),
    });
  });
});
