import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tell } from "../support/held-lock.ts";
import { configureLauncher, failToStart, pidFile, startConfigured } from "../support/launched.ts";
import { isAlive } from "../support/live-processes.ts";
import { endOf, expectFree, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

/** Somebody's process that has nothing to do with any session. */
function innocentOf(workspace: Workspace): number {
  return workspace.spawn(["sleep", "301"]).pid;
}

/** A PID that was a process's, and is nobody's now. */
async function deadPid(workspace: Workspace): Promise<number> {
  const done = workspace.spawn(["true"], { input: "" });
  await done.ended;
  return done.pid;
}

const late = agent("writes-pid-file.sh", "fifo", pidFile);

describe("a PID file that is wrong at first", () => {
  it.each([
    ["missing", () => null],
    ["garbage", () => "no number\n"],
    ["empty", () => ""],
    ["a dead PID", deadPid],
    ["an innocent process", (workspace: Workspace) => innocentOf(workspace)],
  ])("%s: is waited for, and believed when it names the agent (R3.8)", async (_what, before) => {
    const workspace = openWorkspace();
    configureLauncher(workspace, [], { command: agent("launches.sh", "-", ...late) });
    const content = await before(workspace);
    if (content !== null) workspace.write(pidFile, String(content));
    const starting = workspace.spawnHoldfast(["start", "demo", "--json"], { input: "" });
    const pid = await workspace.announced("agent");
    await until(() => workspace.agentOutput().includes("launched"));
    await tell(join(workspace.root, "fifo"));
    expect((await starting.ended).json()).toMatchObject({ ok: true, session: { pid } });
    if (typeof content === "number") expect(isAlive(content)).toBe(_what === "an innocent process");
  });
});

describe("a PID file that stays wrong", () => {
  it.each([
    ["missing", () => null, "does not exist"],
    ["garbage", () => "no number\n", "holds no PID"],
    ["more than a PID file", () => `${"x".repeat(5000)}\n`, "holds no PID"],
    ["a dead PID", deadPid, /names PID \d+, which does not run$/m],
    ["init", () => 1, /names PID 1 \(.*\), which ran before the launcher$/m],
    ["an innocent process", innocentOf, /names PID \d+ \(sleep 301\), which ran before the launcher$/m],
  ])("%s: START_FAILED says so, and what was launched is ended (R3.8)", async (_what, before, says) => {
    const workspace = openWorkspace();
    configureLauncher(workspace, [], { command: agent("launches.sh", "-", ...agent("sleeper.sh")) });
    const content = await before(workspace);
    if (content !== null) workspace.write(pidFile, String(content));
    const error = await failToStart(workspace, ["--ready-timeout", "2s"]);
    expect(error.message).toContain("its PID file did not name the agent within 2 s; what it has started was ended\n");
    expect(error.message).toContain(join(workspace.root, pidFile));
    expect(error.message).toMatch(says);
    const pid = await workspace.announced("agent");
    expect(error).toMatchObject({ pid_file: join(workspace.root, pidFile), processes: [{ pid }] });
    expect(isAlive(pid)).toBe(false);
    expect(workspace.read(pidFile)).toBe(content === null ? "" : String(content));
  });

  it("a pipe, or a directory: is not waited for", async () => {
    const workspace = openWorkspace();
    configureLauncher(workspace, [], { command: ["true"] });
    await workspace.spawn(["mkfifo", pidFile], { input: "" }).ended;
    expect((await failToStart(workspace)).message).toContain("holds no PID");
    rmSync(join(workspace.root, pidFile));
    mkdirSync(join(workspace.root, pidFile));
    expect((await failToStart(workspace)).message).toContain("holds no PID");
    expect((await statusOf(workspace)).pid_file).toMatchObject({ pid: null, state: "unreadable" });
  });
});

describe("an innocent process that the PID file names", () => {
  it("survives start, status, stop and cleanup, when the launcher fails for it (R3.8)", async () => {
    const workspace = openWorkspace();
    configureLauncher(workspace, [], {
      command: ["sh", "-c", "echo already running; exit 1"],
      stop_command: ["sh", "-c", `kill "$(cat ${pidFile})"`],
    });
    const innocent = innocentOf(workspace);
    workspace.write(pidFile, `${innocent}\n`);
    const error = await failToStart(workspace);
    expect(error.message).toContain(`names PID ${innocent} (sleep 301), which ran before the launcher`);
    expect(error.output).toBe("already running\n");
    expect(error.next).toEqual([
      `rm ${join(workspace.root, pidFile)}`,
      `sh -c 'kill "$(cat ${pidFile})"'`,
      "holdfast logs",
    ]);
    for (const command of [["status"], ["stop"], ["cleanup"]]) await workspace.holdfast(command);
    expect(isAlive(innocent)).toBe(true);
    expect(workspace.events("process_ended")).toEqual([]);
  });

  it("is not believed for being young: it must be proven to be the session's", async () => {
    const workspace = openWorkspace();
    configureLauncher(workspace, [], { command: agent("exits-when-told.sh", "fifo") });
    const starting = workspace.spawnHoldfast(["start", "demo", "--json"], { input: "" });
    await workspace.announced("agent");
    const innocent = innocentOf(workspace);
    workspace.write(pidFile, `${innocent}\n`);
    await tell(join(workspace.root, "fifo"));
    const { error } = (await starting.ended).json();
    expect(error.message).toMatch(/^The launcher returned, and no process of this session runs\n/);
    expect(error.message).toContain(`PID ${innocent} (sleep 301), which is not proven to be this session's`);
    expect(isAlive(innocent)).toBe(true);
  });

  it("comes into the file later: status names it, and stop neither believes it nor lets a script do (R3.8)", async () => {
    const workspace = openWorkspace();
    configureLauncher(workspace, agent("sleeper.sh"), { stop_command: ["sh", "-c", `kill "$(cat ${pidFile})"`] });
    const { session } = await startConfigured(workspace);
    const innocent = innocentOf(workspace);
    workspace.write(pidFile, `${innocent}\n`);
    const path = join(workspace.root, pidFile);
    const status = await statusOf(workspace);
    expect(status.session).toMatchObject({ state: "active", pid: session.pid });
    expect(status.pid_file).toEqual({ path, pid: innocent, state: "foreign" });
    expect(status.problems).toEqual([`the PID file names PID ${innocent}, which is no agent of this project: ${path}`]);
    const stopped = await workspace.holdfast(["stop", "--json"]);
    expect(stopped.json().end.processes).toMatchObject([{ pid: session.pid, how: "SIGTERM" }]);
    expect(workspace.events("cleaned")).toMatchObject([
      {
        what: expect.stringContaining("stop command"),
        result: `not run: ${path} names PID ${innocent}, which is none of this session`,
      },
    ]);
    await workspace.holdfast(["cleanup"]);
    expect(isAlive(innocent)).toBe(true);
  });

  it("is not the successor of an agent that died", async () => {
    const workspace = openWorkspace();
    configureLauncher(workspace);
    const { session } = await startConfigured(workspace);
    const innocent = innocentOf(workspace);
    workspace.write(pidFile, `${innocent}\n`);
    process.kill(session.pid, "SIGKILL");
    await workspace.holdfast(["wait"]);
    endOf(workspace, session.uid);
    expect(isAlive(innocent)).toBe(true);
  });
});

describe("an agent whose PID file names it", () => {
  it("is found and ended without the session's cookie, when it was launched in the launcher's group", async () => {
    const workspace = openWorkspace();
    configureLauncher(workspace, ["env", "-i", "sleep", "300"], { match: "^sleep 300" });
    const { session } = await startConfigured(workspace);
    expect(String(session.pid)).toBe(workspace.read(pidFile).trim());
    const status = await statusOf(workspace);
    expect(status.session.processes).toMatchObject([{ pid: session.pid, recorded: true }]);
    expect(status).toMatchObject({ outside: [], problems: [], pid_file: { state: "alive" } });
    expect((await workspace.holdfast(["start", "other", "--json"])).json().error).toMatchObject({ code: "BUSY" });
    const stopped = await workspace.holdfast(["stop", "--json"]);
    expect(stopped.json().end.processes).toMatchObject([{ pid: session.pid, how: "SIGTERM" }]);
    await expectFree(workspace);
  });

  it("hands over to the process that the file names when it dies, if that is the session's: the session goes on", async () => {
    const workspace = openWorkspace();
    configureLauncher(workspace, agent("family.sh"));
    const { session } = await startConfigured(workspace);
    const child = await workspace.announced("child");
    workspace.write(pidFile, `${child}\n`);
    process.kill(session.pid, "SIGKILL");
    await until(async () => (await statusOf(workspace)).session.pid === child);
    expect(workspace.events("ended")).toEqual([]);
    await workspace.holdfast(["stop"]);
    endOf(workspace, session.uid);
    await expectFree(workspace);
  });
});
