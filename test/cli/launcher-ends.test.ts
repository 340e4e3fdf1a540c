import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sureWithinMs } from "../../src/process/pid-window.ts";
import { canChoosePids, expectUntouched, startInnocentUnder } from "../support/innocents.ts";
import { configureLauncher, pidFile, startConfigured } from "../support/launched.ts";
import { isAlive, lookAt, signalIfSame } from "../support/live-processes.ts";
import { hasKernelPulse } from "../support/pulses-here.ts";
import { endOf, expectFree, statusOf, untilItWaits } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

/** Starts an agent with children, by a launcher with a PID file. */
async function startFamily(workspace: Workspace, options: readonly string[] = []) {
  configureLauncher(workspace, agent("family.sh"), { stop_command: ["sh", "-c", "echo asked 1 >>$ANNOUNCE"] });
  const { session } = await startConfigured(workspace, options);
  const grandchild = await workspace.announced("grandchild");
  return { uid: session.uid, pid: session.pid, child: await workspace.announced("child"), grandchild };
}

/** A launcher that fails as long as there is a file `broken`. */
const breakable = ["sh", "-c", "[ ! -e broken ] || exit 5; sleep 300 & echo agent $! >>$ANNOUNCE"];

describe("the agent of a launcher that dies", () => {
  it("ends its session, with what it left; how it exited is not known, and wait answers with 0 (R2.1, R4.2)", async () => {
    const workspace = openWorkspace();
    const { uid, pid, child, grandchild } = await startFamily(workspace);
    const waiting = workspace.spawnHoldfast(["wait", "--json"], { input: "" });
    await untilItWaits(waiting);
    process.kill(pid, "SIGTERM");
    const waited = await waiting.ended;
    expect(waited.exitCode).toBe(0);
    expect(waited.json().end).toMatchObject({ reason: "exited", exit_code: null, signal: null });
    const { processes } = endOf(workspace, uid);
    expect(processes).toHaveLength(2);
    expect(processes).toEqual(
      expect.arrayContaining([child, grandchild].map((left) => expect.objectContaining({ pid: left, how: "SIGTERM" }))),
    );
    expect(workspace.announcements("asked")).toEqual([]);
    const logged = await workspace.holdfast(["logs", "--event", "ended"]);
    expect(logged.stdout).toMatch(/🏁 demo {2}ended by itself after \S+, 2 processes it left ended\n/);
    await expectFree(workspace);
  });

  it("is launched again with --restart always: the same session, another PID, nothing left of the first (R1.3)", async () => {
    const workspace = openWorkspace();
    const first = await startFamily(workspace, ["--restart", "always"]);
    process.kill(first.pid, "SIGKILL");
    await until(() => workspace.events("restarted").length === 1);
    const { session } = await statusOf(workspace);
    expect(session).toMatchObject({
      uid: first.uid,
      state: "active",
      restarts: 1,
      pid: workspace.announcements("agent")[1],
    });
    expect(workspace.read(pidFile)).toBe(`${session.pid}\n`);
    expect([first.child, first.grandchild].filter((pid) => isAlive(pid))).toEqual([]);
    expect(workspace.events("restarted")).toMatchObject([{ pid: session.pid, exit_code: null, signal: null }]);
    await workspace.holdfast(["stop", "--kill-after", "300ms"]);
    endOf(workspace, first.uid);
    await expectFree(workspace);
  });

  it("is launched again after a launch that failed, later and later (R2.1)", async () => {
    const workspace = openWorkspace();
    configureLauncher(workspace, [], { command: breakable, pid_file: null });
    const { session } = await startConfigured(workspace, ["--restart", "always"]);
    workspace.write("broken", "");
    process.kill(session.pid, "SIGKILL");
    await until(() => workspace.events("start_failed").length === 2);
    await workspace.spawn(["rm", "broken"], { input: "" }).ended;
    const [again] = await until(() =>
      workspace.events("restarted").length === 1 ? workspace.events("restarted") : null,
    );
    expect(again).toMatchObject({ uid: session.uid, pid: workspace.announcements("agent").at(-1) });
    expect((await statusOf(workspace)).session).toMatchObject({ state: "active", uid: session.uid });
    expect(workspace.events("ended")).toEqual([]);
  });

  it("is given up after --max-restarts launches that failed, and the log says why", async () => {
    const workspace = openWorkspace();
    configureLauncher(workspace, [], { command: breakable, pid_file: null });
    const { session } = await startConfigured(workspace, ["--restart", "always", "--max-restarts", "2"]);
    workspace.write("broken", "");
    process.kill(session.pid, "SIGKILL");
    const waited = await workspace.holdfast(["wait", "demo"]);
    expect(waited.exitCode).toBe(1);
    const failed = { uid: session.uid, reason: "START_FAILED", message: "The launcher failed (exit code 5)" };
    expect(workspace.events("start_failed")).toMatchObject([failed, failed]);
    expect(endOf(workspace, session.uid)).toMatchObject({ reason: "start_failed" });
    await expectFree(workspace);
  });

  it.runIf(canChoosePids())("may have its PID used again before its keeper sees that it is gone (R1.1)", async () => {
    const workspace = openWorkspace();
    configureLauncher(workspace, ["setsid", ...agent("sleeper.sh")], { pid_file: null });
    const { session } = await startConfigured(workspace);
    const [keeper] = workspace.keepers();
    process.kill(keeper?.pid ?? 0, "SIGSTOP");
    process.kill(session.pid, "SIGKILL");
    await until(() => !existsSync(`/proc/${session.pid}`));
    // No machine gives a PID out again that soon, but for this test's asking.
    const since = performance.now();
    await until(() => performance.now() - since > 2 * sureWithinMs);
    const innocent = await startInnocentUnder(session.pid);
    process.kill(keeper?.pid ?? 0, "SIGCONT");
    await until(() => workspace.keepers().length === 0);
    expectUntouched(innocent);
    expect(endOf(workspace, session.uid)).toMatchObject({ reason: "exited", processes: [] });
    await expectFree(workspace);
  });
});

describe("the keeper of a launched agent that dies", () => {
  it("leaves an orphan: recorded in status, in the way of start, and ended by cleanup (R2.3, R3.2, R3.6)", async () => {
    const workspace = openWorkspace();
    const { uid, pid, child, grandchild } = await startFamily(workspace);
    const [keeper] = workspace.keepers();
    process.kill(keeper?.pid ?? 0, "SIGKILL");
    await until(() => workspace.keepers().length === 0);
    const { session } = await statusOf(workspace);
    expect(session).toMatchObject({ uid, state: "orphaned", pid });
    expect(session.processes[0]).toMatchObject({ pid, recorded: true });
    const refused = await workspace.holdfast(["start", "next", "--json"]);
    expect(refused.json().error).toMatchObject({ code: "AGENTS_RUNNING", session: "demo" });
    await workspace.holdfast(["cleanup"]);
    expect([pid, child, grandchild].filter((each) => isAlive(each))).toEqual([]);
    expect(workspace.announcements("asked")).toEqual([]);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "lost" });
    await expectFree(workspace);
  });

  it("leaves an agent without the cookie: the claim tells which process it is", async () => {
    const workspace = openWorkspace();
    configureLauncher(workspace, ["env", "-i", "sleep", "300"]);
    const { session } = await startConfigured(workspace);
    const [keeper] = workspace.keepers();
    process.kill(keeper?.pid ?? 0, "SIGKILL");
    await until(() => workspace.keepers().length === 0);
    const left = lookAt(session.pid);
    expect((await statusOf(workspace)).session).toMatchObject({ state: "orphaned", pid: session.pid });
    await workspace.holdfast(["stop"]);
    // With a lease it has inherited nothing to prove itself by: it is named, and left to a person.
    const survivors = hasKernelPulse ? [] : [{ pid: session.pid, why: "not_proven" }];
    expect(endOf(workspace, session.uid).survivors).toMatchObject(survivors);
    expect(isAlive(session.pid)).toBe(!hasKernelPulse);
    if (!hasKernelPulse && left !== null) signalIfSame(left, "SIGKILL");
    await until(() => !isAlive(session.pid));
    await expectFree(workspace);
  });

  it("is followed by another session, when its agent was killed with it (R2.1)", async () => {
    const workspace = openWorkspace();
    configureLauncher(workspace);
    const { session } = await startConfigured(workspace);
    const [keeper] = workspace.keepers();
    for (const pid of [keeper?.pid ?? 0, session.pid]) process.kill(pid, "SIGKILL");
    await until(() => workspace.processes().length === 0);
    const next = await startConfigured(workspace);
    expect(endOf(workspace, session.uid)).toMatchObject({ reason: "lost" });
    expect(next.session.pid_file).toBe(join(workspace.root, pidFile));
  });
});
