import { describe, expect, it } from "vitest";
import { isAlive, lookAt } from "../support/live-processes.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import { endOf, expectFree, startSession, survivorsOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const stop = ["stop", "--json", "--kill-after", "300ms"];

/** What `stop` said it ended: PID → how. */
async function stopAll(workspace: Workspace): Promise<Map<number, string>> {
  const stopped = await workspace.holdfast(stop);
  // Looked at before anything else: when stop returns, nothing is left.
  expect(workspace.agents()).toEqual([]);
  expect(stopped.exitCode).toBe(0);
  const { processes, survivors } = stopped.json().end;
  expect(survivors).toEqual([]);
  await expectFree(workspace);
  return new Map(processes.map(({ pid, how }: { pid: number; how: string }) => [pid, how]));
}

describe.each(pulsesHere)("stop ends the whole tree (R1.1, R3.4, R4.2; %s pulse):", (pulse) => {
  const env = { HOLDFAST_PULSE: pulse };

  it("a daemon that has left group, terminal session and parent", async () => {
    const workspace = openWorkspace();
    const { pid } = await startSession(workspace, agent("daemon.mjs"), { env });
    const daemon = await workspace.announced("daemon");
    await until(() => lookAt(daemon)?.ppid === 1);
    const ended = await stopAll(workspace);
    expect([...ended]).toEqual(
      expect.arrayContaining([
        [pid, "SIGTERM"],
        [daemon, "SIGTERM"],
      ]),
    );
  });

  it("an agent that closed the descriptors it inherited", async () => {
    const workspace = openWorkspace();
    const { pid } = await startSession(workspace, agent("closes-descriptors.sh"), { env });
    expect([...(await stopAll(workspace))]).toEqual([[pid, "SIGTERM"]]);
  });
});

describe("stop ends", () => {
  it("who ignores SIGTERM, with SIGKILL after --kill-after, and not before (R1.1)", async () => {
    const workspace = openWorkspace();
    const { uid } = await startSession(workspace, agent("ignores-term.sh"));
    const [pid, child] = [await workspace.announced("agent"), await workspace.announced("child")];
    const ended = await stopAll(workspace);
    expect([ended.get(pid), ended.get(child)]).toEqual(["SIGKILL", "SIGKILL"]);
    const askedAt: string = workspace.events("stop_requested")[0]?.["time"];
    expect(Date.parse(endOf(workspace, uid).ended_at) - Date.parse(askedAt)).toBeGreaterThanOrEqual(300);
  });

  it("who ignores SIGTERM after the session's own --kill-after, when stop names none", async () => {
    const workspace = openWorkspace();
    const { pid } = await startSession(workspace, agent("ignores-term.sh"), { options: ["--kill-after", "200ms"] });
    const { end } = (await workspace.holdfast(["stop", "--json"])).json();
    expect(end).toMatchObject({ signal: "SIGKILL" });
    expect(isAlive(pid)).toBe(false);
  });

  it("at once with --signal KILL", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("ignores-term.sh"));
    const stopped = await workspace.holdfast(["stop", "--signal", "KILL", "--json"]);
    expect(workspace.agents()).toEqual([]);
    expect(stopped.json().end).toMatchObject({ signal: "SIGKILL", survivors: [] });
  });

  it("who is stopped: it is continued to take the signal (R1.1)", async () => {
    const workspace = openWorkspace();
    const { pid } = await startSession(workspace, agent("stops-itself.sh"));
    await until(() => lookAt(pid)?.state === "T");
    expect([...(await stopAll(workspace))]).toEqual([[pid, "SIGTERM"]]);
  });

  it("who answers each signal with two more processes (R1.1)", async () => {
    const workspace = openWorkspace();
    const { pid } = await startSession(workspace, agent("forks-on.sh"));
    await workspace.announced("agent");
    const ended = await stopAll(workspace);
    expect(ended.get(pid)).toBe("SIGKILL");
    const forks = workspace.announcements("fork");
    expect(forks.length).toBeGreaterThan(1);
    expect(survivorsOf(forks)).toEqual([]);
  });

  it("nobody else: not the caller's other children, not the same command outside, not another session (R1.3)", async () => {
    const workspace = openWorkspace();
    const elsewhere = openWorkspace();
    const neighbour = await startSession(elsewhere, agent("family.sh"));
    const same = workspace.spawn(agent("sleeper.sh"));
    await workspace.announced("agent");
    const second = await startSession(workspace, agent("daemon.mjs"), { options: ["--lock", "second"] });
    await startSession(workspace, agent("family.sh"));
    await workspace.announced("grandchild");
    const stopped = await workspace.holdfast(stop);
    expect(stopped.json().end.processes).toHaveLength(3);
    const innocents = [neighbour.pid, neighbour.keeperPid, same.pid, second.pid, second.keeperPid];
    expect(survivorsOf(innocents)).toEqual(innocents);
  });

  it("what the agent left running when it ended by itself, and names it (R2.1, R4.2)", async () => {
    const workspace = openWorkspace();
    const { uid, pid } = await startSession(workspace, agent("daemon.mjs"));
    const daemon = await workspace.announced("daemon");
    await workspace.announced("agent");
    process.kill(pid, "SIGUSR2");
    await workspace.untilEmpty();
    const end = endOf(workspace, uid);
    expect(end).toMatchObject({ reason: "exited", exit_code: 0 });
    expect(end.processes).toMatchObject([{ pid: daemon, how: "SIGTERM", command: "sleep 300" }]);
    await expectFree(workspace);
  });

  it("not what the agent of start --close left running: that is its own (R4.2)", async () => {
    const workspace = openWorkspace();
    const { uid, pid } = await startSession(workspace, agent("daemon.mjs"), { options: ["--close"] });
    const daemon = await workspace.announced("daemon");
    await workspace.announced("agent");
    process.kill(pid, "SIGUSR2");
    await until(() => workspace.keepers().length === 0);
    expect(endOf(workspace, uid)).toMatchObject({ reason: "exited", exit_code: 0, processes: [] });
    expect(isAlive(daemon)).toBe(true);
    const next = await startSession(workspace, agent("sleeper.sh"), { id: "next" });
    expect(next.token).toBe(2);
  });
});
