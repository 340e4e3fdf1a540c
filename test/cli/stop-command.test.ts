import { realpathSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { configureLauncher, startConfigured } from "../support/launched.ts";
import { isAlive } from "../support/live-processes.ts";
import { endOf, expectFree, startSession } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

/** Asks the agent to end, and returns at once. */
const ask = ["sh", "-c", 'echo "asking for $HOLDFAST_SESSION_ID in $PWD"; echo now >fifo'];

/** Starts an agent in the foreground of its command, which the stop command knows how to end. */
async function startAsked(workspace: Workspace, stopCommand: readonly string[], options: readonly string[] = []) {
  workspace.configure({
    agent: { command: agent("ends-when-asked.sh", "fifo"), stop_command: stopCommand },
    stop: { kill_after: "10s" },
  });
  const { session } = await startConfigured(workspace, options);
  return { uid: session.uid, pid: await workspace.announced("agent") };
}

describe("agent.stop_command", () => {
  it("ends the agent, and no signal has to: with the session's directory, environment and output (R3.4)", async () => {
    const workspace = openWorkspace();
    const { uid, pid } = await startAsked(workspace, ask);
    const stopped = await workspace.holdfast(["stop", "--json"]);
    expect(stopped.json().end).toMatchObject({
      reason: "stopped",
      exit_code: 0,
      processes: [{ pid, how: "stop_command" }],
    });
    expect(workspace.announcements("TERM")).toEqual([]);
    expect(workspace.agentOutput(uid)).toContain(`asking for demo in ${realpathSync(workspace.root)}\n`);
    expect(workspace.events("cleaned")).toEqual([]);
    await expectFree(workspace);
  });

  it("ends the agent of a launcher, whose PID file the script goes by (R3.8)", async () => {
    const workspace = openWorkspace();
    configureLauncher(workspace, agent("ends-when-asked.sh", "fifo"), { stop_command: ask });
    const { session } = await startConfigured(workspace);
    const stopped = await workspace.holdfast(["stop", "--json"]);
    expect(stopped.json().end.processes).toMatchObject([{ pid: session.pid, how: "stop_command" }]);
    expect((await workspace.holdfast(["wait", "demo"])).exitCode).toBe(0);
    await expectFree(workspace);
  });

  it("may return before the agent is gone: what is left of the grace period is the agent's; --stop-command gives one", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("ends-when-asked.sh", "fifo", 5), {
      options: ["--stop-command", "echo now >fifo"],
    });
    const stopped = await workspace.holdfast(["stop", "--json"]);
    expect(stopped.json().end).toMatchObject({ exit_code: 0 });
    expect(workspace.announcements("asked")).toHaveLength(1);
    expect(workspace.announcements("TERM")).toEqual([]);
    await expectFree(workspace);
  });

  it.each([
    ["fails", ["sh", "-c", "echo no such market; exit 3"], "failed: exit code 3"],
    ["dies", ["sh", "-c", "kill -ABRT $$"], "failed: SIGABRT"],
    ["does not exist", ["./no-such-script"], "failed: Command not found: ./no-such-script"],
  ])("%s: is logged, and the signals end the session (R2.4, R4.7)", async (_how, command, result) => {
    const workspace = openWorkspace();
    workspace.configure({ agent: { command: agent("sleeper.sh"), stop_command: command } });
    const { session } = await startConfigured(workspace);
    const stopped = await workspace.holdfast(["stop", "--json"]);
    expect(stopped.json().end.processes).toMatchObject([{ pid: session.pid, how: "SIGTERM" }]);
    expect(workspace.events("cleaned")).toMatchObject([
      { uid: session.uid, what: expect.stringMatching(/^stop command /), why: "ending", result },
    ]);
    endOf(workspace, session.uid);
    await expectFree(workspace);
  });

  it("hangs: has the grace period; then the stop signal ends it too, with what it started (R2.4)", async () => {
    const workspace = openWorkspace();
    const hanging = ["env", "-i", `PATH=${process.env["PATH"]}`, "sh", "-c", "sleep 302; true"];
    workspace.configure({
      agent: { command: agent("sleeper.sh"), stop_command: hanging },
      stop: { kill_after: "400ms" },
    });
    const { session } = await startConfigured(workspace);
    const stopped = await workspace.holdfast(["stop", "--json"]);
    const { processes } = stopped.json().end;
    expect(processes).toContainEqual(expect.objectContaining({ pid: session.pid, how: "SIGTERM" }));
    expect(processes).toContainEqual(expect.objectContaining({ command: "sleep 302" }));
    expect(workspace.events("cleaned")).toMatchObject([{ result: "did not return within 0.4 s" }]);
    await expectFree(workspace);
  });

  it("hangs, and another stop leaves it no more time: it is killed, and is not said to have failed (R1.1)", async () => {
    const workspace = openWorkspace();
    workspace.configure({
      agent: { command: agent("sleeper.sh"), stop_command: ["sleep", "302"] },
      stop: { kill_after: "10m" },
    });
    const { session } = await startConfigured(workspace);
    const patient = workspace.spawnHoldfast(["stop", "--json"]);
    await until(() => workspace.agents().some(({ command }) => command === "sleep 302"));
    expect((await workspace.holdfast(["stop", "--kill-after", "0"])).exitCode).toBe(0);
    const { processes } = (await patient.ended).json().end;
    expect(processes).toContainEqual(expect.objectContaining({ pid: session.pid, how: "SIGKILL" }));
    expect(processes).toContainEqual(expect.objectContaining({ command: "sleep 302", how: "SIGKILL" }));
    expect(workspace.events("cleaned")).toEqual([]);
    await expectFree(workspace);
  });

  it("leaves something of its own behind: that is ended as well", async () => {
    const workspace = openWorkspace();
    const { pid } = await startAsked(workspace, [
      "sh",
      "-c",
      "echo now >fifo; sleep 303 >/dev/null & echo helper $! >>$ANNOUNCE",
    ]);
    const stopped = await workspace.holdfast(["stop", "--json"]);
    const helper = await workspace.announced("helper");
    expect(stopped.json().end.processes).toMatchObject([
      { pid, how: "stop_command" },
      { pid: helper, how: "SIGTERM" },
    ]);
    await expectFree(workspace);
  });

  it("cannot end an agent that ignores it and the signal: SIGKILL does, after the grace period (R1.1)", async () => {
    const workspace = openWorkspace();
    configureLauncher(workspace, agent("ignores-term.sh"), { stop_command: ["true"] });
    const { session } = await startConfigured(workspace, ["--kill-after", "300ms"]);
    const stopped = await workspace.holdfast(["stop", "--json"]);
    const child = await workspace.announced("child");
    expect(stopped.json().end.processes).toContainEqual(expect.objectContaining({ pid: session.pid, how: "SIGKILL" }));
    expect(isAlive(child)).toBe(false);
    await expectFree(workspace);
  });

  it.each([[["--kill-after", "0"]], [["--signal", "KILL"]]])(
    "is not run by stop %j, which leaves no time",
    async (options) => {
      const workspace = openWorkspace();
      const { pid } = await startAsked(workspace, ask);
      const stopped = await workspace.holdfast(["stop", "--json", ...options]);
      expect(stopped.json().end.processes).toContainEqual(expect.objectContaining({ pid, how: "SIGKILL" }));
      expect(workspace.announcements("asked")).toEqual([]);
      await expectFree(workspace);
    },
  );

  it.each([
    ["cleanup", (workspace: Workspace) => workspace.holdfast(["cleanup"]), "stopped"],
    [
      "a signal to the keeper",
      (workspace: Workspace) => process.kill(workspace.keepers()[0]?.pid ?? 0, "SIGTERM"),
      "stopped",
    ],
    ["--max-time", () => undefined, "max_time"],
  ])("is run by %s, too", async (how, end, reason) => {
    const workspace = openWorkspace();
    const { uid, pid } = await startAsked(workspace, ask, how === "--max-time" ? ["--max-time", "1s"] : []);
    await end(workspace);
    // The end is in the log a moment before the lock is given back.
    await workspace.untilEmpty();
    expect(endOf(workspace, uid)).toMatchObject({ reason, processes: [{ pid, how: "stop_command" }] });
    await expectFree(workspace);
  });

  it("is run for an agent that runs and does not get ready, and not for one that has ended by itself", async () => {
    const workspace = openWorkspace();
    workspace.configure({
      agent: { command: agent("sleeper.sh"), stop_command: ["sh", "-c", "echo asked 1 >>$ANNOUNCE"] },
    });
    const unready = ["--kill-after", "200ms", "--ready-command", "false", "--ready-timeout", "300ms"];
    expect((await workspace.holdfast(["start", ...unready])).exitCode).toBe(1);
    expect(workspace.announcements("asked")).toHaveLength(1);
    const { session } = await startConfigured(workspace);
    process.kill(session.pid, "SIGKILL");
    await workspace.holdfast(["wait"]);
    expect(workspace.announcements("asked")).toHaveLength(1);
  });

  it("is left out when the keeper is dead: stop ends the orphan by signals alone (R2.3)", async () => {
    const workspace = openWorkspace();
    const { pid } = await startAsked(workspace, ask);
    const [keeper] = workspace.keepers();
    process.kill(keeper?.pid ?? 0, "SIGKILL");
    const stopped = await workspace.holdfast(["stop", "--json", "--kill-after", "300ms"]);
    expect(stopped.json().end).toMatchObject({ reason: "lost" });
    expect(stopped.json().end.processes).toContainEqual(expect.objectContaining({ pid }));
    expect(workspace.announcements("asked")).toEqual([]);
    await expectFree(workspace);
  });
});
