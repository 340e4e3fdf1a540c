import { chmodSync, readFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, bin, openWorkspace } from "../support/workspace.ts";

describe("status", () => {
  it("shows the session and each of its processes, the recorded one first (R3.5)", async () => {
    const workspace = openWorkspace();
    const { pid, uid, token, keeperPid } = await startSession(workspace, agent("family.sh"), {
      options: ["--note", "n"],
    });
    const child = await workspace.announced("child");
    const grandchild = await workspace.announced("grandchild");
    const { active, session, process_count: count } = await statusOf(workspace);
    expect({ active, count }).toEqual({ active: true, count: 3 });
    expect(session).toMatchObject({ id: "demo", uid, token, pid, state: "active", keeper_pid: keeperPid, note: "n" });
    expect(session.processes.map((entry: { pid: number }) => entry.pid)).toEqual([pid, child, grandchild]);
    expect(session.processes.map((entry: { ppid: number }) => entry.ppid)).toEqual([keeperPid, pid, child]);
    expect(session.processes.map((entry: { recorded: boolean }) => entry.recorded)).toEqual([true, false, false]);
    expect(session.processes[2].command).toBe("sleep 300");
  });

  it("says of a process what the kernel says: uptime, memory, CPU, TTY, user, start time (R3.5)", async () => {
    const workspace = openWorkspace();
    const before = Date.now();
    const busy = 'while (process.cpuUsage().user < 250_000); console.log("done"); setInterval(() => {}, 1e6)';
    const { pid, uid } = await startSession(workspace, ["node", "-e", busy]);
    await until(() => workspace.agentOutput(uid).includes("done"));
    const [entry] = (await statusOf(workspace)).session.processes;
    const now = Date.now();
    expect(entry).toMatchObject({ pid, tty: null, user: userInfo().username, command: `node -e ${busy}` });
    // The kernel counts in hundredths of a second; the machine's clock may be stepped by some milliseconds.
    expect(Date.parse(entry.started_at)).toBeGreaterThan(before - 50);
    expect(Date.parse(entry.started_at)).toBeLessThan(now);
    expect(entry.uptime_seconds).toBeGreaterThan(0.25);
    expect(entry.uptime_seconds).toBeLessThan((now - before) / 1000 + 0.05);
    expect(entry.cpu_seconds).toBeGreaterThan(0.2);
    expect(entry.cpu_percent).toBeGreaterThan(1);
    const resident = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
    expect(entry.resident_bytes / resident).toBeGreaterThan(0.8);
    expect(entry.resident_bytes / resident).toBeLessThan(1.2);
  });

  it("shows the terminal of a process that has one (R3.5)", async () => {
    const workspace = openWorkspace();
    // script(1) gives what it runs a terminal of its own.
    workspace.spawn(["script", "-qfec", `node ${bin} run --id shown -- sleep 300`, "/dev/null"]);
    const entry = await until(async () => {
      const [first] = (await statusOf(workspace)).session?.processes ?? [];
      return first?.recorded === true ? first : null;
    });
    expect(entry.command).toBe("sleep 300");
    expect(entry.tty).toMatch(/^pts\/\d+$/);
  });

  it("counts running operations by kind, those of the session and those outside (R3.5)", async () => {
    const workspace = openWorkspace();
    workspace.configure({
      agent: { match: "^sleep 27[12]$" },
      operations: { backtest: "^sleep 27[12]", generation: "^sleep 273", validation: "nothing like it" },
    });
    const run = "sleep 271 & sleep 271 & sleep 273 & wait";
    await startSession(workspace, ["sh", "-c", run]);
    const stray = workspace.spawn(["sleep", "272"]);
    await until(() => workspace.agents().some(({ pid, command }) => pid === stray.pid && command === "sleep 272"));
    const { operations, outside } = await until(async () => {
      const status = await statusOf(workspace);
      return status.process_count === 5 ? status : null;
    });
    expect(operations.map(({ kind, count }: { kind: string; count: number }) => [kind, count])).toEqual([
      ["backtest", 3],
      ["generation", 1],
      ["validation", 0],
    ]);
    expect(operations[0].pids).toContain(stray.pid);
    expect(outside).toMatchObject([{ pid: stray.pid, recorded: false }]);
  });

  it("answers --check with 0 active, 3 no session; 1 is for orphans (R3.5, LSB)", async () => {
    const workspace = openWorkspace();
    expect((await workspace.holdfast(["status", "--check"])).exitCode).toBe(3);
    const { keeperPid } = await startSession(workspace);
    expect((await workspace.holdfast(["status", "--check"])).exitCode).toBe(0);
    expect((await workspace.holdfast(["status"])).exitCode).toBe(0);
    process.kill(keeperPid, "SIGKILL");
    await until(() => workspace.keepers().length === 0);
    const orphaned = await workspace.holdfast(["status", "--check"]);
    expect(orphaned.exitCode).toBe(1);
    expect(orphaned.stdout).toContain("orphaned");
    await workspace.holdfast(["stop"]);
    expect((await workspace.holdfast(["status", "--check"])).exitCode).toBe(3);
  });

  it("answers --check with 1 where what there is cannot be trusted, and a mistyped call as ever", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    chmodSync(workspace.state, 0o777);
    const checked = await workspace.holdfast(["status", "--check"]);
    expect(checked.exitCode).toBe(1);
    expect(checked.stderr).toContain("other users can write");
    expect((await workspace.holdfast(["status", "--check", "--lock", "no lock"])).exitCode).toBe(64);
    chmodSync(workspace.state, 0o755);
  });

  it("makes nothing where nothing is, and says how to begin", async () => {
    const workspace = openWorkspace();
    const { stdout, stderr, exitCode } = await workspace.holdfast(["status"]);
    expect({ stdout, exitCode }).toEqual({ stdout: "No active session\n", exitCode: 0 });
    expect(stderr).toContain("holdfast start");
    expect(workspace.read(".holdfast/.gitignore")).toBe("");
    expect(await statusOf(workspace)).toMatchObject({
      active: false,
      session: null,
      queue: [],
      outside: [],
      problems: [],
    });
  });

  it("shows a person the session, its table and its operations (R3.5)", async () => {
    const workspace = openWorkspace();
    workspace.configure({ operations: { backtest: "^sleep 300" } });
    const { pid } = await startSession(workspace, agent("family.sh"));
    const grandchild = await workspace.announced("grandchild");
    const { stdout } = await workspace.holdfast(["status"]);
    expect(stdout).toContain("🔒 demo   active for");
    expect(stdout).toContain("token 1");
    expect(stdout).toMatch(/PID +UPTIME +MEMORY +CPU +TTY +USER +STARTED/);
    expect(stdout).toMatch(new RegExp(`^ *${pid} .*recorded`, "m"));
    expect(stdout).toMatch(new RegExp(`^ *${grandchild} .*${userInfo().username}`, "m"));
    expect(stdout).toMatch(/operations +backtest 1/);
  });

  it("shows who waits, in order, and since when (R4.6)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    for (const id of ["first", "second"]) {
      workspace.spawnHoldfast(["start", id, "--wait", "20s", "--", "sleep", "1"]);
      await until(async () => (await statusOf(workspace)).queue.at(-1)?.id === id);
    }
    const { queue } = await statusOf(workspace);
    expect(queue).toMatchObject([
      { position: 1, id: "first", command: ["sleep", "1"], by: { host: hostname() } },
      { position: 2, id: "second" },
    ]);
    expect(queue[0].waiting_seconds).toBeGreaterThanOrEqual(queue[1].waiting_seconds);
  });

  it("reads the agent's own PID file, names it when it is stale, and never changes it (R3.8)", async () => {
    const workspace = openWorkspace();
    workspace.configure({ agent: { pid_file: "engine.pid" } });
    const path = join(workspace.root, "engine.pid");
    expect((await statusOf(workspace)).pid_file).toEqual({ path, pid: null, state: "missing" });
    const { pid } = await startSession(workspace);
    workspace.write("engine.pid", `${pid}\n`);
    expect((await statusOf(workspace)).pid_file).toEqual({ path, pid, state: "alive" });
    await workspace.holdfast(["stop"]);
    expect((await statusOf(workspace)).pid_file).toEqual({ path, pid, state: "stale" });
    workspace.write("engine.pid", "no number\n");
    expect((await statusOf(workspace)).pid_file).toEqual({ path, pid: null, state: "unreadable" });
    await workspace.holdfast(["cleanup"]);
    expect(workspace.read("engine.pid")).toBe("no number\n");
  });
});
