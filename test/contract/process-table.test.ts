import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { identify, selfIdentity, signalProcess } from "../../src/process/identity.ts";
import { ProcfsTable } from "../../src/process/procfs-table.ts";
import { PsTable } from "../../src/process/ps-table.ts";
import { goneUid, openProcessTable, type ProcessEntry, type ProcessTable } from "../../src/process/table.ts";
import { startFixture, startProgram, startZombie, until } from "../support/fixture-processes.ts";
import { hasPs } from "../support/has-ps.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const isLinux = process.platform === "linux";
const hasLsof = spawnSync("lsof", ["-v"]).error === undefined;
const hasScript = isLinux && existsSync("/usr/bin/script");

/** Promises of every process table, whatever it reads. */
const tables = [
  { name: "procfs", make: () => new ProcfsTable(), isHere: isLinux, tellsDirectories: true },
  { name: "ps", make: () => new PsTable(), isHere: hasPs, tellsDirectories: hasLsof },
] as const;

describe.each(tables.filter(({ isHere }) => isHere))("the process table by $name", ({ make, tellsDirectories }) => {
  let table: ProcessTable;

  beforeEach(() => {
    table = make();
  });

  async function find(pid: number): Promise<ProcessEntry | undefined> {
    return (await table.list()).find((entry) => entry.pid === pid);
  }

  async function get(pid: number): Promise<ProcessEntry> {
    const entry = await find(pid);
    if (entry === undefined) throw new Error(`No process ${pid} in the table`);
    return entry;
  }

  it("shows this process as it is (R3.5)", async () => {
    const self = await get(process.pid);
    expect(self.identity).toEqual(selfIdentity());
    expect(self).toMatchObject({ ppid: process.ppid, uid: process.getuid?.(), user: userInfo().username });
    expect(["running", "sleeping"]).toContain(self.state);
    expect(self.name).not.toBe("");
    expect(Math.abs(self.startedAt.getTime() - performance.timeOrigin)).toBeLessThan(3000);
    const { user, system } = process.cpuUsage();
    expect(Math.abs(self.cpuSeconds - (user + system) / 1e6)).toBeLessThan(2);
    expect(self.cpuPercent).toBeGreaterThanOrEqual(0);
    expect(self.residentBytes / process.memoryUsage.rss()).toBeCloseTo(1, 0);
  });

  it.runIf(process.geteuid?.() === 0)("gives a user without a name by number (as root)", async () => {
    const { pid } = await startProgram("sleep", ["65"], { uid: 54_321, silent: true });
    expect(await get(pid)).toMatchObject({ uid: 54_321, user: "54321" });
  });

  it("shows a child with its arguments, and its group and session where it made its own (R3.5)", async () => {
    const args = ["-c", "echo ready; exec sleep 61"];
    const child = await startProgram("sh", args, { detached: true });
    const sibling = await startFixture("sleeper.sh");
    await until(async () => (await get(child.pid)).command === "sleep 61");
    const entry = await get(child.pid);
    expect(entry).toMatchObject({ ppid: process.pid, pgid: child.pid, argv: ["sleep", "61"], tty: null });
    expect(entry.identity).toEqual(identify(child.pid));
    expect((await get(sibling.pid)).pgid).toBe((await get(process.pid)).pgid);
  });

  it.runIf(isLinux)("shows the session of a process (only Linux's ps tells)", async () => {
    const child = await startFixture("sleeper.sh", [], { detached: true });
    expect((await get(child.pid)).sid).toBe(child.pid);
    expect((await get(process.pid)).sid).not.toBe(child.pid);
  });

  it("gives identities that can be signalled, and forgets what has ended (R0.3)", async () => {
    const { pid, exited } = await startFixture("sleeper.sh");
    const { identity } = await get(pid);
    expect(signalProcess(identity, "SIGTERM")).toBe("signalled");
    await exited;
    expect(await find(pid)).toBeUndefined();
  });

  it("tells stopped processes, and zombies, which have no arguments (R2.3)", async () => {
    const stopped = await startFixture("stops-itself.sh");
    const ended = await startZombie();
    await until(async () => (await get(stopped.pid)).state === "stopped");
    const zombie = await get(ended.pid);
    expect(zombie).toMatchObject({ state: "zombie", argv: [], command: `[${zombie.name}]`, ppid: ended.parent.pid });
    expect(zombie.identity.started).toMatch(/./);
  });

  it.runIf(hasScript)("names the terminal of a process (R3.5; with script from util-linux)", async () => {
    // script(1) gives the program a terminal of its own, and passes on what it prints.
    const { pid } = await startProgram("script", ["-qec", "tty; echo ready; exec sleep 62", "/dev/null"]);
    const inside = (await table.list()).filter((entry) => entry.ppid === pid);
    expect(inside.map(({ tty }) => tty)).toEqual([expect.stringMatching(/^pts\/\d+$/)]);
    expect(inside.map(({ sid }) => sid)).toEqual(inside.map((entry) => entry.pid));
  });

  it("reads the variables of holdfast from the environment a process was started with (R4.2)", async () => {
    const env = { HOLDFAST_SESSION: "k3y0000000", HOLDFAST_LOCK: "a.b-c_1", ANOTHER: "1" };
    const { pid } = await startFixture("sleeper.sh", [], { env });
    await table.list();
    const own = await table.variablesOf(pid);
    expect([own?.get("HOLDFAST_SESSION"), own?.get("HOLDFAST_LOCK")]).toEqual(["k3y0000000", "a.b-c_1"]);
    expect(own?.has("ANOTHER")).toBe(false);
    const second = await startFixture("sleeper.sh", [], { env: { ...env, HOLDFAST_SESSION: "0ther00000" } });
    expect((await table.variablesOf(second.pid))?.get("HOLDFAST_SESSION")).toBe("0ther00000");
  });

  it("does not take a variable in the command for one in the environment", async () => {
    const script = "echo ready; sleep 63 # HOLDFAST_SESSION=k3y0000000";
    const { pid } = await startProgram("sh", ["-c", script]);
    expect((await table.variablesOf(pid))?.has("HOLDFAST_SESSION")).toBe(false);
  });

  it.runIf(tellsDirectories)("tells the real directory a process is in (R3.2; ps needs lsof)", async () => {
    const directory = temporaryDirectory();
    const real = join(directory, "real one");
    mkdirSync(real);
    symlinkSync(real, join(directory, "link"));
    const { pid } = await startFixture("sleeper.sh", [], { cwd: join(directory, "link") });
    expect(await table.workingDirectoryOf(pid)).toBe(real);
  });

  it("says null of what is not there", async () => {
    const { pid, child, exited } = await startFixture("sleeper.sh");
    child.kill("SIGKILL");
    await exited;
    expect(await table.variablesOf(pid)).toBeNull();
    expect(await table.workingDirectoryOf(pid)).toBeNull();
  });

  it("does not show the tools it uses to look", async () => {
    const children = (await table.list()).filter(({ ppid }) => ppid === process.pid);
    expect(children.filter(({ name }) => name === "ps")).toEqual([]);
  });
});

describe.runIf(isLinux)("the process table by procfs", () => {
  it("is the one that Linux uses", async () => {
    expect(await openProcessTable()).toBeInstanceOf(ProcfsTable);
  });

  it("keeps names and arguments as they are, whatever characters they have", async () => {
    const program = join(temporaryDirectory(), "a) R 1 (b");
    symlinkSync(execFileSync("sh", ["-c", "command -v sleep"], { encoding: "utf8" }).trim(), program);
    const { pid } = await startProgram(program, ["60", "0.0"], { argv0: "sleep", silent: true });
    const odd = await startProgram("sh", ["-c", "echo ready; sleep 64", "a\nb\u001B[31m", " c  d "]);
    const entries = await new ProcfsTable().list();
    expect(entries.find((entry) => entry.pid === pid)).toMatchObject({ name: "a) R 1 (b", state: "sleeping" });
    expect(entries.find((entry) => entry.pid === odd.pid)?.argv.slice(3)).toEqual(["a\nb\u001B[31m", " c  d "]);
  });

  it("does not say of a process what is true of nobody any more", async () => {
    const { pid, child, exited } = await startFixture("sleeper.sh");
    const entry = (await new ProcfsTable().list()).find((listed) => listed.pid === pid);
    child.kill("SIGKILL");
    await exited;
    expect(entry).toMatchObject({ argv: [], command: `[${entry?.name}]`, uid: goneUid, user: "?" });
  });

  it("lists the child that a process had before it ended, though nobody has reaped that yet", async () => {
    const { pid, child } = await startFixture("sleeper.sh");
    let late: ChildProcess | undefined;
    // Asked about each PID when all are known, and right before that process is looked at.
    const entries = await new ProcfsTable().list((listed) => {
      if (listed === pid && late === undefined) {
        late = spawn("sleep", ["66"], { stdio: "ignore" });
        child.kill("SIGKILL");
        while (!readFileSync(`/proc/${pid}/stat`, "latin1").includes(") Z ")) continue;
      }
      return true;
    });
    late?.kill("SIGKILL");
    expect(entries.map((entry) => entry.pid)).toContain(late?.pid);
  });

  it("reads arguments and environments of any size", async () => {
    const long = "x".repeat(100_000);
    const { pid } = await startProgram("sh", ["-c", "echo ready; sleep 65", long], { env: { HOLDFAST_LONG: long } });
    const table = new ProcfsTable();
    expect((await table.list()).find((entry) => entry.pid === pid)?.argv[3]).toBe(long);
    expect((await table.variablesOf(pid))?.get("HOLDFAST_LONG")).toBe(long);
  });

  it("is not held up by very many empty arguments", async () => {
    const empty = Array<string>(100_000).fill("");
    const { pid } = await startProgram("sh", ["-c", "echo ready; sleep 67", ...empty, "x"]);
    const entry = (await new ProcfsTable().list()).find((each) => each.pid === pid);
    const begunMs = performance.now();
    expect(entry?.argv).toHaveLength(100_004);
    // It took ten seconds: the square of it.
    expect(performance.now() - begunMs).toBeLessThan(3000);
  });
});
