import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { LaunchedProcesses } from "../../../src/keeper/launched-processes.ts";
import type { ProcessIdentity } from "../../../src/process/identity.ts";
import type { SessionInfo } from "../../../src/session/session-info.ts";
import { FakeMachine, type FakeProcess } from "../../support/fake-machine.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { session as sample } from "../present/samples.ts";

const uid = process.geteuid?.() ?? 0;
const stranger = { uid, env: {}, ppid: 1 };

/** A session whose launcher has been started, and is the agent as far as is known. */
function launchedBy(machine: FakeMachine, launcher: FakeProcess, change: Partial<SessionInfo> = {}): LaunchedProcesses {
  const session = sessionOf(launcher.identity, change);
  return new LaunchedProcesses(machine, () => session, launcher.identity);
}

function sessionOf(agent: ProcessIdentity, change: Partial<SessionInfo>): SessionInfo {
  const launcher = { process: null, return_within_ms: 60_000, pid_file_within_ms: 10_000 };
  return { ...sample, agent, leads_group: true, launcher, ...change };
}

async function livingOf(processes: LaunchedProcesses): Promise<readonly number[]> {
  return (await processes.living()).map(({ pid }) => pid);
}

describe("what a launcher has started", () => {
  it("is what carries the cookie, descends from it, or is in its group or terminal session; the eldest first", async () => {
    const machine = new FakeMachine();
    const launcher = machine.start({ uid });
    const grouped = machine.start({ ...stranger, pgid: launcher.pid, sid: launcher.pid });
    const inSession = machine.start({ ...stranger, sid: launcher.pid });
    const cookie = machine.start({ ...stranger, env: { HOLDFAST_SESSION: sample.uid } });
    const child = machine.fork(launcher, { env: {}, pgid: 7, sid: 7 });
    machine.start(stranger);
    expect(await livingOf(launchedBy(machine, launcher))).toEqual(
      [grouped, inSession, cookie, child].map(({ pid }) => pid),
    );
  });

  it("stays what it was when the launcher, and with it the descent, is gone", async () => {
    const machine = new FakeMachine();
    const launcher = machine.start({ uid });
    const grouped = machine.start({ ...stranger, pgid: launcher.pid, sid: launcher.pid });
    const child = machine.fork(launcher, { uid, env: {}, pgid: 7, sid: 7 });
    const processes = launchedBy(machine, launcher);
    await processes.living();
    machine.end(launcher.pid);
    expect(await livingOf(processes)).toEqual([grouped.pid, child.pid]);
    expect((await processes.eldest())?.pid).toBe(grouped.pid);
  });

  it("is not what is in a group of that number which somebody else has made since", async () => {
    const machine = new FakeMachine();
    const launcher = machine.start({ uid });
    machine.end(launcher.pid);
    const another = machine.start({ ...stranger, pid: launcher.pid });
    machine.fork(another);
    expect(await livingOf(launchedBy(machine, launcher))).toEqual([]);
  });

  it("is only the agent's any more once that is known: its launcher's number may be given out again", async () => {
    const machine = new FakeMachine();
    const launcher = machine.start({ uid });
    const agent = machine.start({ ...stranger, env: { HOLDFAST_SESSION: sample.uid } });
    machine.end(launcher.pid);
    const launched = { process: null, return_within_ms: 0, pid_file_within_ms: 0 };
    const processes = launchedBy(machine, launcher, { agent: agent.identity, launcher: launched });
    machine.start({ ...stranger, pgid: launcher.pid, sid: launcher.pid });
    expect(await livingOf(processes)).toEqual([agent.pid]);
  });

  it("has no eldest among those that are dying", async () => {
    const machine = new FakeMachine();
    const launcher = machine.start({ uid });
    machine.fork(launcher, { uid, argv: [], command: "[sh]" });
    const child = machine.fork(launcher, { uid });
    const processes = launchedBy(machine, launcher);
    expect((await processes.eldest())?.pid).toBe(child.pid);
    machine.end(child.pid);
    expect(await processes.eldest()).toBeNull();
  });
});

describe("the PID in a PID file", () => {
  function pidFile(pid: number): string {
    const path = join(temporaryDirectory(), "agent.pid");
    writeFileSync(path, `${pid}\n`);
    return path;
  }

  it("is not the agent's when it is another user's process, which may not be signalled", async () => {
    const geteuid = vi.spyOn(process, "geteuid").mockReturnValue(1000);
    onTestFinished(() => geteuid.mockRestore());
    const machine = new FakeMachine();
    const launcher = machine.start({ uid: 1000 });
    const other = machine.fork(launcher, { pid: process.ppid, uid: 1001, user: "db", command: "postgres" });
    const why = `names PID ${other.pid} (postgres), a process of db`;
    const named = await launchedBy(machine, launcher).named(pidFile(other.pid));
    expect(named).toEqual({ agent: null, why, stranger: true });
  });

  it("is nobody's when its process is gone as soon as the others are listed", async () => {
    const machine = new FakeMachine();
    const processes = launchedBy(machine, machine.start({ uid }));
    const why = `names PID ${process.pid}, which does not run`;
    expect(await processes.named(pidFile(process.pid))).toEqual({ agent: null, why, stranger: false });
  });
});
