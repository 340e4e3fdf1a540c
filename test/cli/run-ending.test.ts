import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import { holdLock, waitInLine } from "../support/held-lock.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

async function status(workspace: Workspace) {
  return (await workspace.holdfast(["status", "--json"])).json();
}

describe("run --timeout", () => {
  it("ends the command's whole tree and exits with 124, naming what it ended", async () => {
    const workspace = openWorkspace();
    const ran = await workspace.holdfast(["run", "--timeout", "0.5", ...agent("family.sh")]);
    expect(ran.exitCode).toBe(124);
    expect(ran.stderr).toContain("The command ran longer than 0.5 s and was ended");
    for (const word of ["agent", "child", "grandchild"]) {
      const [pid = 0] = workspace.announcements(word);
      expect(isAlive(pid)).toBe(false);
      expect(ran.stderr).toMatch(new RegExp(`PID ${pid} .*SIGTERM`));
    }
    expect(ran.elapsedMs).toBeGreaterThanOrEqual(500);
    expect(workspace.events("ended")).toMatchObject([{ reason: "max_time" }]);
    expect(workspace.processes()).toEqual([]);
  });

  it("takes SIGKILL after --kill-after to those that ignore the first signal", async () => {
    const workspace = openWorkspace();
    const ran = await workspace.holdfast([
      "run",
      "--json",
      "--id",
      "demo",
      "--timeout",
      "0.4",
      "-k",
      "0.2",
      ...agent("ignores-term.sh"),
    ]);
    expect(ran.exitCode).toBe(124);
    const said = ran.stdout.split("\n").find((line) => line.startsWith("{")) ?? "";
    expect(JSON.parse(said).error).toMatchObject({
      code: "RUN_TIMEOUT",
      retryable: false,
      session: "demo",
      next: ["holdfast logs --session demo"],
    });
    expect(workspace.events("ended")[0]?.["processes"].map(({ how }: { how: string }) => how)).toEqual([
      "SIGKILL",
      "SIGKILL",
    ]);
    expect(workspace.processes()).toEqual([]);
  });

  it("begins with --signal", async () => {
    const workspace = openWorkspace();
    const ran = await workspace.holdfast([
      "run",
      "--timeout",
      "0.6",
      "-s",
      "USR1",
      "-k",
      "0.4",
      ...agent("reports-signals.sh"),
    ]);
    expect(ran).toMatchObject({ exitCode: 124, stdout: expect.stringContaining("got USR1") });
    expect(ran.stdout).not.toContain("got TERM");
  });

  it("does not count the time in line, and lets a command that is fast enough be", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace);
    const waiter = await waitInLine(workspace, ["--timeout", "0.5", "sh", "-c", "exit 6"]);
    const waited = performance.now();
    await until(() => performance.now() - waited > 600, { what: "longer than the time-out has passed in line" });
    await holder.letGo();
    expect((await waiter.ended).exitCode).toBe(6);
  });
});

describe("signals to run", () => {
  it("forwards TERM and HUP to the whole tree, children too", async () => {
    const workspace = openWorkspace();
    const run = workspace.spawnHoldfast(["run", ...agent("counts-signals.mjs", "child")]);
    await workspace.announced("agent");
    for (const signal of ["TERM", "HUP"]) {
      run.signal(`SIG${signal}` as "SIGTERM");
      await until(
        () => run.stdout().includes(`agent got ${signal} 1`) && run.stdout().includes(`child got ${signal} 1`),
      );
    }
    expect(run.stdout()).not.toContain(" 2\n");
    expect(await status(workspace)).toMatchObject({ active: true });
  });

  it("forwards it to what has cleared its environment, too: nobody else would", async () => {
    const workspace = openWorkspace();
    const script = "trap 'echo got TERM; exit 4' TERM; echo up; while :; do sleep 0.02; done";
    const run = workspace.spawnHoldfast(["run", "env", "-i", "sh", "-c", script]);
    await until(() => run.stdout() === "up\n");
    run.signal("SIGTERM");
    expect(await run.ended).toMatchObject({ exitCode: 4, stdout: "up\ngot TERM\n" });
  });

  it("forwards the first INT, and kills at the second", async () => {
    const workspace = openWorkspace();
    const run = workspace.spawnHoldfast(["run", ...agent("counts-signals.mjs", "child")]);
    await workspace.announced("agent");
    run.signal("SIGINT");
    await until(() => run.stdout().includes("agent got INT 1") && run.stdout().includes("child got INT 1"));
    run.signal("SIGINT");
    const ended = await run.ended;
    expect(ended.exitCode).toBe(137);
    expect(ended.stdout).not.toContain("got INT 2");
    expect(workspace.events("ended")).toMatchObject([
      { reason: "stopped", signal: "SIGKILL", processes: [{ how: "SIGKILL" }, { how: "SIGKILL" }] },
    ]);
    expect(workspace.processes()).toEqual([]);
  });

  it.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGINT", 130],
  ] as const)("exits as the command does that %s ended, with the session closed (R2.2)", async (signal, exitCode) => {
    const workspace = openWorkspace();
    const run = workspace.spawnHoldfast(["run", "--", "sleep", "300"]);
    await until(() => workspace.events("started").length === 1);
    run.signal(signal);
    expect(await run.ended).toMatchObject({ exitCode, signal: null });
    expect(workspace.events("ended")).toMatchObject([{ signal, exit_code: null }]);
    expect(await status(workspace)).toMatchObject({ active: false });
  });

  it("passes on a signal that came before the command ran", async () => {
    const workspace = openWorkspace();
    const run = workspace.spawnHoldfast(["run", "sleep", "300"]);
    // From the claim on the session is this run's to end, whether its command runs yet or not.
    await until(() => workspace.events("claimed").length === 1);
    run.signal("SIGTERM");
    expect((await run.ended).exitCode).toBe(143);
  });

  it("ends as `stop` asks, and says who stopped it", async () => {
    const workspace = openWorkspace();
    const run = workspace.spawnHoldfast(["run", "--id", "demo", ...agent("ignores-term.sh")]);
    await workspace.announced("agent");
    const stopped = await workspace.holdfast(["stop", "demo", "--kill-after", "0.2", "--reason", "enough", "--json"]);
    expect(stopped.json()).toMatchObject({
      ok: true,
      end: { reason: "stopped", stop_reason: "enough", survivors: [] },
    });
    expect((await run.ended).exitCode).toBe(137);
    expect(workspace.processes()).toEqual([]);
  });

  it("is told on stderr who stopped it, and why, also where its command ends well (R3.4)", async () => {
    const workspace = openWorkspace();
    const command = 'trap "exit 0" TERM; : >up; while :; do sleep 0.1; done';
    const run = workspace.spawnHoldfast(["run", "--id", "demo", "sh", "-c", command]);
    await until(() => existsSync(join(workspace.root, "up")));
    await workspace.holdfast(["stop", "demo", "--reason", "deploy freeze"], { env: { HOLDFAST_AS: "ops" } });
    const { exitCode, stderr } = await run.ended;
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/^demo was stopped by ops after \d+\w+ \(exit 0, SIGTERM\).*: deploy freeze\n/m);
  });
});

describe("run, killed without a word", () => {
  it("leaves the lock held while the command lives; then it is free, and the session closed (R2.1)", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace, { id: "first" });
    const { agentPid } = holder;
    holder.run.signal("SIGKILL");
    // Not until it has `ended`: the command still has its streams.
    await until(async () => (await status(workspace)).session.state === "orphaned");
    expect(await status(workspace)).toMatchObject({ session: { id: "first", pid: agentPid } });
    const refused = await workspace.holdfast(["run", "-n", "--json", "true"]);
    expect(refused.exitCode).toBe(75);
    expect(refused.json().error).toMatchObject({ code: "AGENTS_RUNNING", processes: [{ pid: agentPid }] });
    const waiter = await waitInLine(workspace, ["echo", "my turn"]);
    void holder.letGo();
    expect(await waiter.ended).toMatchObject({ exitCode: 0, stdout: "my turn\n" });
    expect(workspace.events("ended")).toMatchObject([{ session: "first", reason: "lost" }, { reason: "exited" }]);
  });
});

describe("what a command of run leaves in the background", () => {
  it("is ended with the session, and named", async () => {
    const workspace = openWorkspace();
    // It ends when its child is another program already: until then that goes by the shell's own name.
    const asleep = "until grep -q sleep /proc/$!/comm; do :; done";
    const ran = await workspace.holdfast(["run", "sh", "-c", `sleep 300 >&- 2>&- & echo $!; ${asleep}; exit 2`]);
    expect(ran.exitCode).toBe(2);
    const pid = Number(ran.stdout);
    expect(isAlive(pid)).toBe(false);
    expect(workspace.events("ended")).toMatchObject([
      { reason: "exited", exit_code: 2, processes: [{ pid, command: "sleep 300", how: "SIGTERM" }] },
    ]);
  });

  it("is found also when it has left the command's group, session and descriptors", async () => {
    const workspace = openWorkspace();
    const run = workspace.spawnHoldfast(["run", ...agent("daemon.mjs")]);
    const [agentPid, daemon] = [await workspace.announced("agent"), await workspace.announced("daemon")];
    process.kill(agentPid, "SIGUSR2");
    expect((await run.ended).exitCode).toBe(0);
    expect(isAlive(daemon)).toBe(false);
    expect(workspace.events("ended")).toMatchObject([{ processes: [{ pid: daemon }] }]);
  });

  it("lives on with -o, and does not hold the lock", async () => {
    const workspace = openWorkspace();
    const ran = await workspace.holdfast(["run", "-o", "sh", "-c", "sleep 300 >/dev/null 2>&1 & echo $!"]);
    const pid = Number(ran.stdout);
    expect(isAlive(pid)).toBe(true);
    expect(await workspace.holdfast(["run", "-n", "echo", "mine"])).toMatchObject({ exitCode: 0, stdout: "mine\n" });
    expect(isAlive(pid)).toBe(true);
    expect((await status(workspace)).process_count).toBe(0);
  });

  it("with -o too is not waited for: the lock is held as long as the command itself runs", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace, { options: ["-o"] });
    expect((await workspace.holdfast(["run", "-n", "true"])).exitCode).toBe(75);
    expect((await holder.letGo()).exitCode).toBe(0);
    expect((await workspace.holdfast(["run", "-n", "true"])).exitCode).toBe(0);
  });
});
