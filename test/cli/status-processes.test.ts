import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isAlive, lookAt } from "../support/live-processes.ts";
import type { Json } from "../support/program.ts";
import { startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

describe("status tells processes apart", () => {
  it("a session's own, those of one that lost its keeper, and those outside any session (R2.3, R3.5)", async () => {
    const workspace = openWorkspace();
    workspace.configure({ agent: { match: "^sleep 27[12]$" } });
    const lost = await startSession(workspace, agent("daemon.mjs"), { id: "lost" });
    const daemon = await workspace.announced("daemon");
    await workspace.announced("agent");
    for (const pid of [lost.keeperPid, lost.pid]) process.kill(pid, "SIGKILL");
    // Not its zombie either, which would be shown until init has looked.
    await until(() => !isAlive(lost.keeperPid) && !existsSync(`/proc/${lost.pid}`));
    const own = await startSession(workspace, ["sleep", "271"], { id: "own", options: ["--force"] });
    const stray = workspace.spawn(["sleep", "272"]);
    await until(() => lookAt(stray.pid)?.command === "sleep 272");
    const status = await statusOf(workspace);
    expect(status.sessions).toMatchObject([
      { id: "own", state: "active", processes: [{ pid: own.pid, recorded: true, proven: true }] },
      { id: "lost", state: "orphaned", processes: [{ pid: daemon, recorded: false, proven: true }] },
    ]);
    expect(status.outside).toMatchObject([{ pid: stray.pid, recorded: false }]);
    expect(status.process_count).toBe(3);
    const { stdout } = await workspace.holdfast(["status"]);
    expect(stdout).toMatch(
      new RegExp(`lost {3}orphaned[^]*^ *${daemon} [^]*outside any session[^]*^ *${stray.pid} `, "m"),
    );
  });

  it.each([
    ["family.sh", "grandchild"],
    ["daemon.mjs", "daemon"],
    ["scrubbed-child.sh", "child"],
    ["scrubbed-daemon.sh", "daemon"],
  ])("those of %s are the same beside hundreds of others that came later (R3.5)", async (name, last) => {
    const workspace = openWorkspace();
    const { uid } = await startSession(workspace, agent(name));
    await workspace.announced("agent");
    await workspace.announced(last);
    // A server that is none of the session's can start something for it, too.
    const cleared = 'env -i sh -c "sleep 300 & echo \\$!; wait"';
    const server = workspace.spawn(["sh", "-c", `HOLDFAST_SESSION=${uid} sh -c '${cleared} & echo $$; wait'; true`]);
    const served = await until(() => {
      const lines = server.stdout().split("\n").slice(0, -1);
      return lines.length === 2 ? lines.map(Number) : null;
    });
    const alone = pidsOf((await statusOf(workspace)).session);
    expect(alone).toEqual(expect.arrayContaining(served));
    const hundreds = "i=0; while [ $i -lt 300 ]; do sleep 300 & i=$((i + 1)); done; echo up; wait";
    const crowd = workspace.spawn(["sh", "-c", hundreds]);
    await until(() => crowd.stdout().includes("up"));
    expect(pidsOf((await statusOf(workspace)).session)).toEqual(alone);
  });

  it("a zombie is shown as one, and is none that runs (R3.5)", async () => {
    const workspace = openWorkspace();
    workspace.configure({ operations: { sleeping: "sleep" } });
    const { pid } = await startSession(workspace, agent("never-reaps.sh"));
    const child = await workspace.announced("child");
    // What the shell has become does not reap it.
    await until(() => lookAt(pid)?.command === "sleep 300");
    process.kill(child, "SIGKILL");
    await until(() => !isAlive(child));
    const { session, process_count: count, operations } = await statusOf(workspace);
    expect(states(session)).toEqual([
      [pid, "sleeping"],
      [child, "zombie"],
    ]);
    expect({ count, operations }).toEqual({ count: 1, operations: [{ kind: "sleeping", count: 1, pids: [pid] }] });
    expect((await workspace.holdfast(["status"])).stdout).toMatch(new RegExp(`^ *${child} .* zombie$`, "m"));
  });

  it("an agent that is a zombie, because its keeper does not look: that is a problem (R3.5)", async () => {
    const workspace = openWorkspace();
    const { pid, keeperPid } = await startSession(workspace);
    process.kill(keeperPid, "SIGSTOP");
    process.kill(pid, "SIGKILL");
    await until(() => !isAlive(pid));
    const { session, process_count: count, problems } = await statusOf(workspace);
    expect(session).toMatchObject({ state: "active", processes: [{ pid, state: "zombie", recorded: true }] });
    expect(count).toBe(0);
    expect(problems).toEqual([
      `demo: its agent (PID ${pid}) has ended, and its keeper (PID ${keeperPid}) has not noticed`,
    ]);
    process.kill(keeperPid, "SIGCONT");
    await until(async () => (await statusOf(workspace)).session === null);
  });
});

describe("operations", () => {
  it("name each process that counts, under every kind that it matches, and no other (R3.5)", async () => {
    const workspace = openWorkspace();
    workspace.configure({ operations: { any: "^sleep", long: "^sleep 27[34]$", odd: "sleep 273", none: "^$" } });
    await startSession(workspace, ["sh", "-c", "sleep 272 & sleep 273 & sleep 274 & exec sleep 275"]);
    const { session, operations } = await until(async () => {
      const status = await statusOf(workspace);
      return status.process_count === 4 && commands(status.session).every((command) => command.startsWith("sleep"))
        ? status
        : null;
    });
    const pidOf = (seconds: number) => {
      return session.processes.find(({ command }: { command: string }) => command === `sleep ${seconds}`).pid;
    };
    const ofKind = Object.fromEntries(operations.map(({ kind, pids }: Json) => [kind, new Set(pids)]));
    expect(ofKind).toEqual({
      any: new Set([272, 273, 274, 275].map(pidOf)),
      long: new Set([273, 274].map(pidOf)),
      odd: new Set([pidOf(273)]),
      none: new Set(),
    });
    for (const { count, pids } of operations) expect(count).toBe(pids.length);
    const { stdout } = await workspace.holdfast(["status", "--verbose"]);
    expect(stdout).toContain(`odd 1 (PID ${pidOf(273)}) · none 0`);
  });
});

function states({ processes }: Json): [number, string][] {
  return processes.map(({ pid, state }: Json) => [pid, state]);
}

function pidsOf({ processes }: Json): number[] {
  return processes.map(({ pid }: Json) => pid);
}

function commands({ processes }: Json): string[] {
  return processes.map(({ command }: Json) => command);
}
