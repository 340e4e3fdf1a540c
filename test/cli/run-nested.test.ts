import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { holdLock } from "../support/held-lock.ts";
import { removeState } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

/** `holdfast` with these words, to be run by a command of `run`. */
function holdfast(...words: string[]): string[] {
  return [process.execPath, join(import.meta.dirname, "../../bin/holdfast.js"), ...words];
}

describe("run inside a session", () => {
  it("is refused at once by its own lock, because it would wait for itself", async () => {
    const workspace = openWorkspace();
    const ran = await workspace.holdfast(["run", "--id", "outer", ...holdfast("run", "--json", "touch", "ran")]);
    expect(ran.exitCode).toBe(75);
    expect(ran.json().error).toMatchObject({ code: "BUSY", retryable: false, session: "outer" });
    expect(ran.json().error.next).toContain("holdfast --lock session run --reentrant -- touch ran");
    expect(readdirSync(workspace.root)).not.toContain("ran");
  });

  it.each([
    [["--", "touch", "ran"], "--lock NAME -- touch ran"],
    [["--launcher", "--", "./other.sh"], "--launcher --lock NAME -- ./other.sh"],
    [[], "--lock NAME"],
  ])("is told how to start in the background, when that was wanted with %j", async (words, again) => {
    const workspace = openWorkspace();
    workspace.configure({ agent: { command: ["./start.sh"], kind: "launcher" } });
    const ran = await workspace.holdfast(["run", "--id", "outer", ...holdfast("start", "inner", "--json", ...words)]);
    expect(ran.exitCode).toBe(75);
    expect(ran.json().error).toMatchObject({
      code: "BUSY",
      session: "outer",
      next: [`holdfast start inner ${again}`],
    });
  });

  it("is refused also with a wait, at any depth, and from another directory", async () => {
    const workspace = openWorkspace();
    workspace.write("below/file", "");
    const innermost = holdfast("run", "-w", "60", "true");
    const between = holdfast("-l", "other", "run", "sh", "-c", 'cd /tmp && exec "$0" "$@"', ...innermost);
    // The innermost inherits the lock of the session it runs in.
    const ran = await workspace.holdfast(["run", "--id", "outer", ...between]);
    expect(ran.exitCode).toBe(75);
    expect(ran.elapsedMs).toBeLessThan(10_000);
    const byName = await workspace.holdfast([
      "run",
      ...holdfast("-l", "other", "run", ...holdfast("-l", "session", "run", "true")),
    ]);
    expect(byName.exitCode).toBe(75);
    expect(byName.stderr).toContain("it would wait for itself");
  });

  it("simply runs with --reentrant, in the session that holds the lock", async () => {
    const workspace = openWorkspace();
    const script = "echo $HOLDFAST_TOKEN; exit 5";
    const ran = await workspace.holdfast(["run", ...holdfast("run", "--reentrant", "sh", "-c", script)]);
    expect(ran).toMatchObject({ exitCode: 5, stdout: "1\n", stderr: "" });
    expect(workspace.events("claimed")).toHaveLength(1);
  });

  it("takes the lock as usual with --reentrant outside any session", async () => {
    const workspace = openWorkspace();
    await holdLock(workspace);
    expect((await workspace.holdfast(["run", "--reentrant", "-n", "true"])).exitCode).toBe(75);
  });

  it("holds two locks at once, and both are free afterwards", async () => {
    const workspace = openWorkspace();
    const both = holdfast("-l", "second", "run", ...agent("sleeper.sh"));
    const run = workspace.spawnHoldfast(["-l", "first", "run", ...both]);
    await workspace.announced("agent");
    for (const lock of ["first", "second"]) {
      expect((await workspace.holdfast(["-l", lock, "run", "-n", "true"])).exitCode).toBe(75);
    }
    run.signal("SIGTERM");
    expect((await run.ended).exitCode).toBe(143);
    for (const lock of ["first", "second"]) {
      expect((await workspace.holdfast(["-l", lock, "run", "-n", "true"])).exitCode).toBe(0);
    }
    expect(workspace.processes()).toEqual([]);
  });
});

describe("signals to a run around a run", () => {
  it.each([
    ["on another lock", ["-l", "inner", "run"]],
    ["--reentrant", ["run", "--reentrant"]],
    ["that joins", ["join", "--"]],
  ])("reach the innermost command and its child once each: one %s", async (_, inner) => {
    const workspace = openWorkspace();
    const run = workspace.spawnHoldfast(["run", ...holdfast(...inner, ...agent("counts-signals.mjs", "child"))]);
    const agentPid = await workspace.announced("agent");
    for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const) {
      run.signal(signal);
      for (const who of ["agent", "child"]) {
        await until(() => run.stdout().includes(`${who} got ${signal.slice(3)} 1\n`));
      }
    }
    // Whoever passes a signal on does it in order: by now a second TERM or HUP would have come.
    expect(run.stdout()).not.toMatch(/got (TERM|HUP) 2/);
    process.kill(agentPid, "SIGKILL");
    expect((await run.ended).exitCode).toBe(137);
  });
});

describe("run, whose lock is taken away", () => {
  it("takes it back when only the state directory was removed, and ends as its command does", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace, { id: "first", exitCode: 6 });
    removeState(workspace);
    await until(() => workspace.events("lock_restored").length === 1);
    expect(workspace.events("lock_restored")).toMatchObject([{ session: "first", token: 1 }]);
    const refused = await workspace.holdfast(["run", "-n", "--json", "true"]);
    expect(refused.json().error.holder).toMatchObject({ id: "first", token: 1, pid: holder.agentPid });
    const joined = await workspace.holdfast(["join", "first", "--json", "--pid", String(process.pid)]);
    expect(joined.json()).toMatchObject({ ok: true, active_clients: 1 });
    expect((await holder.letGo()).exitCode).toBe(6);
    // What became of it can be told as usual.
    expect(await workspace.holdfast(["wait", "first"])).toMatchObject({ exitCode: 6 });
    expect(workspace.events("ended")).toMatchObject([{ session: "first", exit_code: 6 }]);
    expect(workspace.events("cleaned")).toEqual([]);
  });

  it("ends its command and exits with 79 when somebody else has taken the lock meanwhile", async () => {
    const workspace = openWorkspace();
    const run = workspace.spawnHoldfast(["run", "--id", "first", "--json", ...agent("family.sh")]);
    const pids = [await workspace.announced("agent"), await workspace.announced("grandchild")];
    // Held still, it cannot restore its lock before the other one is there.
    run.signal("SIGSTOP");
    removeState(workspace);
    const thief = await holdLock(workspace, { id: "thief" });
    run.signal("SIGCONT");
    const ended = await run.ended;
    expect(ended.exitCode).toBe(79);
    const document = JSON.parse(ended.stdout.split("\n").find((line) => line.startsWith("{")) ?? "");
    expect(document).toMatchObject({ ok: false, error: { code: "LOCK_LOST", retryable: false, session: "first" } });
    expect(document.error.processes.map(({ pid }: { pid: number }) => pid)).toEqual(expect.arrayContaining(pids));
    expect(workspace.events("lock_lost")).toMatchObject([{ session: "first" }]);
    expect(workspace.events("ended")).toMatchObject([{ session: "first", reason: "lock_lost" }]);
    // The thief is a session like any other, and not disturbed.
    expect((await workspace.holdfast(["status", "--json"])).json()).toMatchObject({ session: { id: "thief" } });
    expect((await thief.letGo()).exitCode).toBe(0);
    expect(workspace.events("cleaned")).toEqual([]);
    expect(workspace.processes()).toEqual([]);
  });
});
