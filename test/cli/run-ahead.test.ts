import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  watch,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { holdLock, waitInLine } from "../support/held-lock.ts";
import { childrenOf, findProcesses, isAlive } from "../support/live-processes.ts";
import type { RunningProgram } from "../support/program.ts";
import { hasKernelPulse } from "../support/pulses-here.ts";
import { readyWaiter, standbyOf } from "../support/ready-waiter.ts";
import { endOf, removeState } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, bin, openWorkspace, type Workspace } from "../support/workspace.ts";

describe.skipIf(!hasKernelPulse)("run, while it is the next in line", () => {
  it("has its command's process ready, which then is the command (R4.6)", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace, { id: "first" });
    const { waiter, standby } = await readyWaiter(workspace, ["--id", "second", "sh", "-c", "echo $$; cat; exit 3"]);
    // Its turn has not come: it is nobody's process but the waiter's.
    expect((await workspace.holdfast(["status", "--json"])).json()).toMatchObject({
      session: { id: "first" },
      queue: [{ id: "second", pid: waiter.pid }],
    });
    await holder.letGo();
    await until(() => workspace.events("started").some(({ session }) => session === "second"));
    waiter.write("said\n");
    waiter.closeInput();
    expect(await waiter.ended).toMatchObject({ exitCode: 3, stdout: `${standby}\nsaid\n` });
    const started = workspace.events("started").find(({ session }) => session === "second");
    expect(started).toMatchObject({ pid: standby });
    expect(endOf(workspace, String(started?.["uid"]))).toMatchObject({ reason: "exited", exit_code: 3, processes: [] });
  });

  it("leaves nothing of its command where a container answers for /proc/loadavg, and late (lxcfs; takes root)", async (test) => {
    const workspace = openWorkspace();
    workspace.write("loadavg", "0.00 0.00 0.00 1/100 2147483647\n");
    const mount = 'mount --bind loadavg /proc/loadavg && exec "$@"';
    const inside = (words: readonly string[]) =>
      workspace.spawn(["unshare", "--mount", "sh", "-c", mount, "sh", ...words]);
    if ((await inside(["true"]).ended).exitCode !== 0) return test.skip("mounting a file takes root");
    const holder = await holdLock(workspace, { id: "first" });
    const command = ["sh", "-c", 'sleep 300 & echo "child $!" >>"$ANNOUNCE"'];
    const waiter = inside([process.execPath, bin, "run", "--id", "second", "--", ...command]);
    await standbyOf(waiter);
    await holder.letGo();
    expect((await waiter.ended).exitCode).toBe(0);
    expect(isAlive(await workspace.announced("child"))).toBe(false);
  });

  it("has only one ready: those behind it have time", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace, { id: "first" });
    const { waiter: second } = await readyWaiter(workspace, ["true"]);
    const third = await waitInLine(workspace, ["--id", "third", "sh", "-c", "echo third"]);
    expect(childrenOf(third.pid)).toEqual([]);
    second.signal("SIGTERM");
    await standbyOf(third);
    await holder.letGo();
    expect(await third.ended).toMatchObject({ exitCode: 0, stdout: "third\n" });
  });

  it.each([
    ["as it is", {}],
    ["with names that are none to a shell", { "a.b": "1", "X-Y": "2", "1st": "3" }],
    ["with a shell's own names", { IFS: "x", PPID: "1", OPTIND: "5", PS1: "$", SHLVL: "7", _: "/x" }],
    ["with values of all kinds", { A: "", B: " a\n'b' \"c\" $d `e` \\f é" }],
  ])("gives its command the environment that it would have had without waiting: %s", async (_, env) => {
    const workspace = openWorkspace();
    const print = [process.execPath, "-e", "process.stdout.write(require('fs').readFileSync('/proc/self/environ'))"];
    const variablesOf = (text: string) =>
      text
        .split("\0")
        .filter((each) => !/^HOLDFAST_(SESSION|TOKEN)=/.test(each))
        .toSorted();
    const atOnce = await workspace.holdfast(["run", "--id", "one", "--", ...print], { env });
    const holder = await holdLock(workspace, { id: "first" });
    const waiter = await waitInLine(workspace, ["--id", "one", "--", ...print], { env });
    await until(() => childrenOf(waiter.pid).length > 0 || workspace.events("queued").length > 0);
    await holder.letGo();
    const inTurn = await waiter.ended;
    expect(variablesOf(inTurn.stdout)).toEqual(variablesOf(atOnce.stdout));
    expect(inTurn.stdout).toMatch(/(^|\0)HOLDFAST_TOKEN=3\0/);
  });

  it.each([
    ["-q", "the claim"],
    ["-o", ""],
  ])("lets its command inherit the claim as descriptor 10, or not: run %s", async (option, expected) => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace, { id: "first" });
    const looks = `[ /proc/$$/fd/10 -ef ${workspace.state}/claims/session.2 ] && echo the claim; true`;
    const waiter = workspace.spawnHoldfast(["run", option, "--", "sh", "-c", looks]);
    await standbyOf(waiter);
    await holder.letGo();
    expect((await waiter.ended).stdout.trim()).toBe(expected);
  });
});

describe.skipIf(!hasKernelPulse)("run, when its turn does not come", () => {
  it.each(["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "leaves nothing of its command behind after %s, which has not run (R4.6)",
    async (signal) => {
      const workspace = openWorkspace();
      const holder = await holdLock(workspace, { id: "first" });
      const { waiter, standby } = await readyWaiter(workspace, ["touch", "ran"]);
      waiter.signal(signal);
      expect(await waiter.ended).toMatchObject({ signal });
      await until(() => !isAlive(standby), { what: "the command's process is gone" });
      // It left nothing that would hold the lock.
      await holder.letGo();
      expect(await workspace.holdfast(["run", "-n", "true"])).toMatchObject({ exitCode: 0 });
      expect(readdirSync(workspace.root)).not.toContain("ran");
      await workspace.untilEmpty();
    },
  );

  it("leaves nothing of its command behind when it has waited long enough", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace, { id: "first" });
    const { waiter, standby } = await readyWaiter(workspace, ["-w", "1", "touch", "ran"]);
    expect((await waiter.ended).exitCode).toBe(75);
    expect(isAlive(standby)).toBe(false);
    await holder.letGo();
    expect(readdirSync(workspace.root)).not.toContain("ran");
    expect(readdirSync(join(workspace.state, "claims"))).toEqual(["session.1"]);
  });

  it("is one process to `cleanup`, whose command has not begun", async () => {
    const workspace = openWorkspace();
    await holdLock(workspace, { id: "first" });
    const { standby } = await readyWaiter(workspace, ["--id", "second", "touch", "ran"]);
    const planned = (await workspace.holdfast(["cleanup", "--dry-run", "--json"])).json();
    expect(planned.actions.map(({ what, name }: Record<string, string>) => [what, name])).toEqual([
      ["waiter", "second"],
      ["session", "first"],
    ]);
    expect((await workspace.holdfast(["cleanup"])).exitCode).toBe(0);
    await until(() => !isAlive(standby));
    await workspace.untilEmpty();
    expect(readdirSync(workspace.root)).not.toContain("ran");
  });
});

describe.skipIf(!hasKernelPulse || !existsSync("/dev/shm"))("run, which goes through all once while it waits", () => {
  const memory = "/dev/shm";
  const rehearsalsOf = (pid: number | string) =>
    readdirSync(memory).filter((name) => name.startsWith(`holdfast-rehearsal-${pid}-`));

  /** A waiter whose rehearsal has just begun. */
  async function rehearsing(workspace: Workspace): Promise<RunningProgram> {
    const seen = new Set<string>();
    const watcher = watch(memory, (_, name) => void seen.add(name ?? ""));
    onTestFinished(() => watcher.close());
    const waiter = await waitInLine(workspace, ["true"]);
    await until(() => [...seen].some((name) => name.startsWith(`holdfast-rehearsal-${waiter.pid}-`)));
    return waiter;
  }

  it("leaves nothing of that when its command is done sooner", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace);
    const waiter = await rehearsing(workspace);
    await holder.letGo();
    expect(await waiter.ended).toMatchObject({ exitCode: 0 });
    expect(rehearsalsOf(waiter.pid)).toEqual([]);
  });

  it("leaves nothing of that when it is told to go meanwhile", async () => {
    const workspace = openWorkspace();
    await holdLock(workspace);
    const waiter = await rehearsing(workspace);
    waiter.signal("SIGTERM");
    expect(await waiter.ended).toMatchObject({ signal: "SIGTERM" });
    expect(rehearsalsOf(waiter.pid)).toEqual([]);
  });

  it("removes what one that was killed meanwhile has left", async () => {
    const left = mkdtempSync(join(memory, "holdfast-rehearsal-0-"));
    onTestFinished(() => rmSync(left, { recursive: true, force: true }));
    mkdirSync(join(left, "state"));
    const longAgo = new Date(Date.now() - 120_000);
    utimesSync(left, longAgo, longAgo);
    const workspace = openWorkspace();
    await holdLock(workspace);
    await rehearsing(workspace);
    expect(existsSync(left)).toBe(false);
  });
});

describe.skipIf(!hasKernelPulse)("run, when things have changed while it waited", () => {
  it("runs the program that there is in its turn", async () => {
    const workspace = openWorkspace();
    const tool = (text: string) => chmodSync(workspace.write("tool", `#!/bin/sh\necho ${text}\n`), 0o700);
    const holder = await holdLock(workspace, { id: "first" });
    const waiter = await waitInLine(workspace, ["./tool"]);
    tool("made while it waited");
    await holder.letGo();
    expect(await waiter.ended).toMatchObject({ exitCode: 0, stdout: "made while it waited\n" });
  });

  it("says that its program is not there, as ever", async () => {
    const workspace = openWorkspace();
    chmodSync(workspace.write("tool", "#!/bin/sh\n"), 0o700);
    const holder = await holdLock(workspace, { id: "first" });
    const { waiter, standby } = await readyWaiter(workspace, ["./tool"]);
    rmSync(join(workspace.root, "tool"));
    await holder.letGo();
    expect(await waiter.ended).toMatchObject({ exitCode: 127 });
    expect(waiter.stderr()).toContain("Command not found: ./tool");
    expect(isAlive(standby)).toBe(false);
  });

  it("runs in the directory that has its name in its turn", async () => {
    const workspace = openWorkspace();
    const work = join(workspace.root, "work");
    mkdirSync(work);
    const holder = await holdLock(workspace, { id: "first" });
    const { waiter } = await readyWaiter(workspace, ["touch", "ran"], { cwd: work });
    renameSync(work, `${work}.old`);
    mkdirSync(work);
    await holder.letGo();
    expect((await waiter.ended).exitCode).toBe(0);
    expect([work, `${work}.old`].map((directory) => existsSync(join(directory, "ran")))).toEqual([true, false]);
  });

  it("has the lock and its command although the state directory was deleted under both", async () => {
    const workspace = openWorkspace();
    const holder = await holdLock(workspace, { id: "first" });
    const { waiter } = await readyWaiter(workspace, ["--id", "second", ...agent("shows-environment.sh")]);
    removeState(workspace);
    await until(() => workspace.events("lock_restored").length === 1, { what: "the holder stands again" });
    await until(() => readdirSync(join(workspace.state, "queue")).length > 0, { what: "so does the waiter" });
    await holder.letGo();
    await until(() => waiter.stdout().includes("agent "));
    // Of the claim that was made ready nothing is left, so its descriptor would hold no lock.
    const command = await workspace.announced("agent");
    expect(readFileSync(`/proc/${command}/environ`, "utf8")).toContain("HOLDFAST_TOKEN=2\0");
    const refused = await workspace.holdfast(["run", "-n", "true"]);
    expect(refused.exitCode).toBe(75);
    waiter.signal("SIGTERM");
    await waiter.ended;
    expect(findProcesses((pid) => pid === command)).toEqual([]);
  });
});
