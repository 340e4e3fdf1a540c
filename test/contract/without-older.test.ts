import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import { childrenOf } from "../../src/process/children.ts";
import { identify, selfIdentity, type ProcessIdentity } from "../../src/process/identity.ts";
import { PidWindow } from "../../src/process/pid-window.ts";
import { ProcfsTable } from "../../src/process/procfs-table.ts";
import { listedBy } from "../../src/process/table.ts";
import type { SessionInfo } from "../../src/session/session-info.ts";
import { withoutOlder } from "../../src/session/without-older.ts";
import { inTmux, session } from "../unit/present/samples.ts";

function startSleeper(): ProcessIdentity {
  const child = spawn("sleep", ["60"]);
  onTestFinished(async () => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  const identity = identify(child.pid ?? 0);
  if (identity === null) throw new Error("sleep did not start");
  return identity;
}

/** A session whose agent is a child of this process, its keeper; and one of this process's children on either side. */
function sessionInTheMiddle() {
  const before = startSleeper();
  const agent = startSleeper();
  const forks = new PidWindow(agent.pid).note(0);
  if (forks === null) throw new Error("the forks are not known");
  const after = startSleeper();
  const own: SessionInfo = { ...session, agent, descent: { after_pid: agent.pid, forks } };
  return { before, agent, after, forks, own };
}

async function listed(own: SessionInfo, among?: (pid: number) => boolean): Promise<readonly number[]> {
  const entries = await withoutOlder(new ProcfsTable(), own, selfIdentity()).list(among);
  return entries.map(({ pid }) => pid);
}

it.skipIf(process.platform !== "linux")("the children of a process are known as long as it is there", async () => {
  const child = spawn("sleep", ["60"]);
  onTestFinished(() => void child.kill("SIGKILL"));
  const { pid = 0 } = child;
  expect(childrenOf(process.pid)).toContain(pid);
  expect(childrenOf(pid)).toEqual([]);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(childrenOf(pid)).toBeNull();
});

describe.skipIf(process.platform !== "linux")("a listing without what is older than a session", () => {
  it("has its agent, what came after that, its keeper and the keeper's ancestors (R3.5)", async () => {
    const { before, agent, after, own } = sessionInTheMiddle();
    const pids = await listed(own);
    expect(pids).toEqual(expect.arrayContaining([agent.pid, after.pid, process.pid, process.ppid]));
    expect(pids).not.toContain(before.pid);
    expect(await listed(own, (pid) => pid === after.pid || pid === before.pid)).toEqual([after.pid]);
  });

  it("has what is started while it is made: nobody hides by handing itself on", async () => {
    const { own } = sessionInTheMiddle();
    const real = new ProcfsTable();
    const started: number[] = [];
    const busy = listedBy(real, (among) => {
      started.push(startSleeper().pid);
      return real.list(among);
    });
    const entries = await withoutOlder(busy, own, selfIdentity()).list();
    expect(entries.map(({ pid }) => pid)).toEqual(expect.arrayContaining(started));
    expect(started).toHaveLength(1);
  });

  it("has everybody where it cannot be known who is older", async () => {
    const { before, agent, forks, own } = sessionInTheMiddle();
    const unknown: readonly SessionInfo[] = [
      { ...own, descent: null },
      { ...own, agent: null },
      // So many forks ago the numbers have gone round.
      { ...own, descent: { after_pid: agent.pid, forks: forks - 2 ** 22 } },
      // Its PIDs mean nothing here.
      { ...own, agent: { ...agent, pid_ns: "pid:[1]" } },
      { ...own, agent: { ...agent, boot: "another" } },
      // The tmux server is older than the agent.
      { ...own, tmux: inTmux.tmux },
    ];
    for (const each of unknown) expect(await listed(each)).toContain(before.pid);
  });
});
