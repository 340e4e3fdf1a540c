import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tell } from "../support/held-lock.ts";
import { configureLauncher, failToStart, pidFile, startConfigured } from "../support/launched.ts";
import { isAlive } from "../support/live-processes.ts";
import { endOf, expectFree, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

describe("start, when the configured command is a launcher", () => {
  it("records the process that its PID file names, and ends that; the file stays as it is (R3.1, R3.5, R3.8)", async () => {
    const workspace = openWorkspace();
    configureLauncher(workspace);
    const { session } = await startConfigured(workspace);
    const pid = await workspace.announced("agent");
    expect(session).toMatchObject({ pid, launcher: true, pid_file: join(workspace.root, pidFile), phase: "running" });
    expect(workspace.events("started")).toMatchObject([
      { pid, command: agent("launches.sh", pidFile, ...agent("sleeper.sh")) },
    ]);
    expect(workspace.agentOutput(session.uid)).toBe("launched\n");
    const status = await statusOf(workspace);
    expect(status.session).toMatchObject({ state: "active", pid });
    expect(status.session.processes).toMatchObject([{ pid, recorded: true }]);
    expect(status.pid_file).toMatchObject({ pid, state: "alive" });
    const stopped = await workspace.holdfast(["stop", "--json"]);
    expect(stopped.json().end).toMatchObject({ reason: "stopped", processes: [{ pid, how: "SIGTERM" }] });
    expect(workspace.read(pidFile)).toBe(`${pid}\n`);
    await expectFree(workspace);
  });

  it("without a PID file goes on as long as anything lives that it left, and records the eldest", async () => {
    const workspace = openWorkspace();
    const both = "sleep 300 & echo first $! >>$ANNOUNCE; sleep 0.05; sleep 300 & echo second $! >>$ANNOUNCE";
    const { session } = await startConfigured(workspace, ["--launcher", "--", "sh", "-c", both]);
    const [first, second] = [await workspace.announced("first"), await workspace.announced("second")];
    expect(session).toMatchObject({ pid: first, launcher: true, pid_file: null });
    process.kill(first, "SIGTERM");
    const { session: now } = await until(async () => {
      const status = await statusOf(workspace);
      return status.session.pid === second ? status : null;
    });
    expect(now).toMatchObject({ state: "active", uid: session.uid });
    expect(workspace.events("ended")).toEqual([]);
    process.kill(second, "SIGTERM");
    await workspace.holdfast(["wait"]);
    expect(endOf(workspace, session.uid)).toMatchObject({ reason: "exited", exit_code: null, processes: [] });
    await expectFree(workspace);
  });

  it("takes one after --, with a PID file relative to the caller's directory; what is configured is not about it", async () => {
    const workspace = openWorkspace();
    configureLauncher(workspace, agent("sleeper.sh"), { stop_command: ["false"] });
    const command = agent("launches.sh", "other.pid", ...agent("sleeper.sh"));
    const { session } = await startConfigured(workspace, ["--launcher", "--pid-file", "other.pid", "--", ...command], {
      cwd: join(workspace.root, "run"),
    });
    expect(session).toMatchObject({
      pid: await workspace.announced("agent"),
      pid_file: join(workspace.root, "run/other.pid"),
      stop_command: null,
    });
    await workspace.holdfast(["stop"]);
    expect(workspace.events("cleaned")).toEqual([]);
    const { session: plain } = await startConfigured(workspace, ["--", ...agent("sleeper.sh")]);
    expect(plain).toMatchObject({ launcher: false, pid_file: null });
  });

  it("waits for readiness after it; a stop meanwhile ends it (R3.4)", async () => {
    const workspace = openWorkspace();
    configureLauncher(workspace);
    const starting = workspace.spawnHoldfast(["start", "demo", "--json", "--ready-command", "test -e ready"]);
    const pid = await workspace.announced("agent");
    await until(() => workspace.events("started").length === 1);
    expect((await statusOf(workspace)).session).toMatchObject({ state: "starting", pid });
    workspace.write("ready", "");
    expect((await starting.ended).exitCode).toBe(0);
    expect(workspace.events("ready")).toHaveLength(1);
    await workspace.holdfast(["stop"]);
    expect(isAlive(pid)).toBe(false);
  });

  it("never takes the command that asks for the agent for it, when that is gone", async () => {
    const workspace = openWorkspace();
    const launcher = "until [ -e go ]; do sleep 0.02; done & exit 0";
    const options = ["--launcher", "--ready-command", "touch go; sleep 306; false"];
    const error = await failToStart(workspace, [...options, "--", "sh", "-c", launcher]);
    expect(error.message).toBe("The agent ended before it was ready (its exit code is not known)");
    await expectFree(workspace);
  });
});

describe("a launcher that does not do its work", () => {
  it("fails: START_FAILED with its exit code and its last lines; what it left is ended (R3.1)", async () => {
    const workspace = openWorkspace();
    const error = await failToStart(workspace, [
      "--launcher",
      "--",
      "sh",
      "-c",
      "sleep 300 & echo bad port >&2; exit 7",
    ]);
    expect(error).toMatchObject({ message: "The launcher failed (exit code 7)", exit_code: 7, output: "bad port\n" });
    expect(workspace.events("start_failed")).toMatchObject([{ reason: "START_FAILED" }]);
    expect(workspace.events("started")).toEqual([]);
    await expectFree(workspace);
    expect(workspace.sessionDirectories()).toEqual([]);
  });

  it("leaves nothing behind: START_FAILED (R3.1)", async () => {
    const workspace = openWorkspace();
    const error = await failToStart(workspace, ["--launcher", "--", "true"]);
    expect(error.message).toBe("The launcher returned, and no process of this session runs");
    await expectFree(workspace);
  });

  it("hangs: is ended after --ready-timeout, and told what a launcher is", async () => {
    const workspace = openWorkspace();
    const error = await failToStart(workspace, ["--launcher", "--ready-timeout", "300ms", "--", ...agent("family.sh")]);
    expect(error.message).toContain("The launcher did not return within 0.3 s and was ended\n");
    expect(error.message).toContain("leave out --launcher");
    const command = agent("family.sh").join(" ");
    expect(error.next).toContain(`holdfast start demo --launcher --ready-timeout 5m -- ${command}`);
    expect(workspace.announcements("grandchild")).toHaveLength(1);
    workspace.configure({ agent: { kind: "launcher", command: agent("family.sh") } });
    const configured = await workspace.holdfast(["start", "demo", "--json", "--ready-timeout", "300ms"]);
    expect(configured.json().error.message).toContain("say agent.kind: foreground");
    await expectFree(workspace);
  });

  it("starts an agent that ends as soon as it is found: how is not known (R3.1)", async () => {
    const workspace = openWorkspace();
    // It is busy to the end, so that it does not look as if it had settled.
    const found = `while read -r line; do case $line in *'"process":{'*) exit;; esac; done <.holdfast/claims/session.1`;
    const error = await failToStart(workspace, ["--launcher", "--", "sh", "-c", `while :; do ${found}; done &`]);
    expect(error.message).toBe("The agent ended as soon as it had started (its exit code is not known)");
    expect(error).toMatchObject({ exit_code: null, signal: null });
    await expectFree(workspace);
  });

  it("is stopped when it has returned, and its PID file is waited for: nothing stays (R1.1)", async () => {
    const workspace = openWorkspace();
    configureLauncher(workspace, [], { command: agent("launches.sh", "-", ...agent("sleeper.sh")) });
    const starting = workspace.spawnHoldfast(["start", "demo", "--json"], { input: "" });
    const pid = await workspace.announced("agent");
    await until(() => workspace.agents().every((each) => each.pid === pid), { what: "the launcher has returned" });
    const stopped = await workspace.holdfast(["stop", "--json"]);
    expect(stopped.json().end).toMatchObject({ reason: "stopped", processes: [{ pid }] });
    const { error } = (await starting.ended).json();
    expect(error.message).toBe("The session was ended before its launcher had started the agent");
    await expectFree(workspace);
  });

  it("is stopped while it is at it: nothing stays (R1.1)", async () => {
    const workspace = openWorkspace();
    configureLauncher(workspace, [], {
      command: agent("exits-when-told.sh", "fifo"),
      stop_command: ["sh", "-c", "echo asked 1 >>$ANNOUNCE"],
    });
    const starting = workspace.spawnHoldfast(["start", "demo", "--json"], { input: "" });
    const pid = await workspace.announced("agent");
    expect((await statusOf(workspace)).session).toMatchObject({ state: "starting", pid });
    const stopped = await workspace.holdfast(["stop", "--json"]);
    expect(stopped.json().end).toMatchObject({ reason: "stopped", processes: [{ pid }] });
    expect((await starting.ended).json().error.message).toContain("The session was ended before");
    // No agent came to run, so there is nobody to ask.
    expect(workspace.announcements("asked")).toEqual([]);
    await expectFree(workspace);
  });

  it("loses its keeper while it is at it: an orphan, and cleanup ends it (R2.3)", async () => {
    const workspace = openWorkspace();
    const starting = workspace.spawnHoldfast([
      "start",
      "demo",
      "--launcher",
      "--",
      ...agent("exits-when-told.sh", "fifo"),
    ]);
    const pid = await workspace.announced("agent");
    const { keeper_pid: keeperPid } = (await statusOf(workspace)).session;
    process.kill(keeperPid, "SIGKILL");
    expect((await starting.ended).exitCode).toBe(1);
    expect((await statusOf(workspace)).session).toMatchObject({ state: "orphaned", pid });
    await workspace.holdfast(["cleanup"]);
    expect(isAlive(pid)).toBe(false);
    await expectFree(workspace);
  });
});

describe("a command that turns out to be a launcher", () => {
  it("is told how to say so, in one command to type", async () => {
    const workspace = openWorkspace();
    const launcher = agent("launches.sh", "-", ...agent("sleeper.sh"));
    const error = await failToStart(workspace, ["--", ...launcher]);
    expect(error.next).toEqual([`holdfast start demo --launcher -- ${launcher.join(" ")}`, "holdfast logs"]);
    const { session } = await startConfigured(workspace, ["--launcher", "--", ...launcher]);
    expect(session.pid).toBe(workspace.announcements("agent").at(-1));
  });

  it("hears nothing of that when it left nothing, or failed", async () => {
    const workspace = openWorkspace();
    expect((await failToStart(workspace, ["--", "true"])).next).toEqual(["holdfast logs"]);
    expect((await failToStart(workspace, ["--", "sh", "-c", "sleep 300 & exit 3"])).next).toEqual(["holdfast logs"]);
  });
});

it("waits in line as any other, and starts in its turn (R4.6)", async () => {
  const workspace = openWorkspace();
  const fifo = join(workspace.root, "fifo");
  await workspace.holdfast(["start", "first", "--", ...agent("exits-when-told.sh", "fifo")]);
  const launcher = agent("launches.sh", "-", ...agent("sleeper.sh"));
  await workspace.holdfast(["start", "demo", "--queue", "--launcher", "--", ...launcher]);
  await tell(fifo, "go");
  await workspace.holdfast(["wait", "demo", "--until", "ready"]);
  const pid = await workspace.announced("agent");
  expect((await statusOf(workspace)).session).toMatchObject({ id: "demo", state: "active", pid });
});

it.each([
  [["--pid-file", "x", "--", "true"], "--pid-file: give --launcher too"],
  [["--launcher", "--pid-file", "", "--", "true"], "--pid-file: expected a path, got nothing"],
  [["--stop-command", "", "--", "true"], "--stop-command: expected a shell command, got nothing"],
  [["--launcher", "--close", "--", "true"], "--close: a launcher leaves its agent in the background"],
  [["--launcher", "--restart", "on-failure", "--", "true"], "how the agent of a launcher ended is not known"],
  [["--ready-timeout", "1s", "--", "true"], "--ready-command or --launcher too"],
])("start refuses %j", async (options, message) => {
  const workspace = openWorkspace();
  const refused = await workspace.holdfast(["start", "demo", ...options]);
  expect(refused.exitCode).toBe(64);
  expect(refused.stderr).toContain(message);
});
