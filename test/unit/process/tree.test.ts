import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ProcessIdentity } from "../../../src/process/identity.ts";
import { findTree } from "../../../src/process/tree.ts";
import type { TreeRoots } from "../../../src/process/tree-roots.ts";
import { FakeMachine, type FakeProcess } from "../../support/fake-machine.ts";

const cookie = "k3y0000000";
const ours = { HOLDFAST_SESSION: cookie };

let machine: FakeMachine;
let agent: FakeProcess;

beforeEach(() => {
  machine = new FakeMachine();
  machine.start({ pid: 1, command: "init" });
  agent = machine.start({ pid: 100, env: ours });
  vi.spyOn(process, "geteuid").mockReturnValue(1000);
});

afterEach(() => {
  vi.restoreAllMocks();
});

function rootsOf(changes: Partial<TreeRoots> = {}): TreeRoots {
  return { groupLeader: agent.identity, roots: [agent.identity], cookie, except: [], ...changes };
}

async function pidsOf(roots: TreeRoots, known?: Map<number, ProcessIdentity>): Promise<readonly number[]> {
  return (await findTree(machine, roots, known)).map(({ pid }) => pid);
}

describe("descent", () => {
  it("follows it through any number of generations, and leaves siblings alone (R3.4)", async () => {
    const child = machine.fork(agent, { env: {} });
    const grandchild = machine.fork(child, { pgid: 7, sid: 7 });
    machine.start({ command: "node agent.js" });
    expect(await pidsOf(rootsOf({ cookie: null, groupLeader: null }))).toEqual([100, child.pid, grandchild.pid]);
  });

  it("never takes another process with the root's PID, or what that one started (R0.3)", async () => {
    machine.end(100);
    const stranger = machine.start({ pid: 100 });
    machine.fork(stranger);
    expect(await pidsOf(rootsOf())).toEqual([]);
  });

  it("does not believe in a child that is older than its parent", async () => {
    machine.fork(agent, { env: {}, pgid: 7, startedAt: new Date(agent.startedAt.getTime() - 1) });
    expect(await pidsOf(rootsOf())).toEqual([100]);
  });

  it("keeps what an earlier scan found when its parent has died since (R4.2)", async () => {
    const known = new Map<number, ProcessIdentity>();
    const roots = rootsOf({ cookie: null, groupLeader: null });
    const child = machine.fork(agent, { env: {}, pgid: 7 });
    const grandchild = machine.fork(child, { pgid: 8 });
    expect(await pidsOf(roots, known)).toEqual([100, child.pid, grandchild.pid]);
    machine.end(100);
    machine.end(child.pid);
    const late = machine.fork(grandchild, { pgid: 9 });
    expect(await pidsOf(roots, known)).toEqual([grandchild.pid, late.pid]);
    expect([...known.keys()]).toEqual([grandchild.pid, late.pid]);
  });

  it("forgets what it knew when its PID is another process", async () => {
    const known = new Map<number, ProcessIdentity>();
    const child = machine.fork(agent, { env: {}, pgid: 7 });
    await pidsOf(rootsOf(), known);
    machine.end(child.pid);
    machine.start({ pid: child.pid });
    expect(await pidsOf(rootsOf(), known)).toEqual([100]);
    expect([...known.keys()]).toEqual([100]);
  });

  it("sees a child that one who carries the cookie had after the listing, when it ended before it was looked at", async () => {
    machine.end(100);
    const daemon = machine.start({ env: ours });
    let child = 0;
    machine.onRead = (pid) => {
      if (pid !== daemon.pid) return;
      child = machine.fork(daemon).pid;
      machine.end(daemon.pid);
    };
    expect(await pidsOf(rootsOf())).toEqual([child]);
  });

  it("counts no zombies", async () => {
    machine.fork(agent, { state: "zombie" });
    expect(await pidsOf(rootsOf())).toEqual([100]);
  });
});

describe("the cookie", () => {
  it("finds what left the group and lost its parent (R4.2)", async () => {
    const daemon = machine.start({ env: ours });
    const child = machine.fork(daemon, { env: {} });
    machine.end(100);
    expect(await pidsOf(rootsOf())).toEqual([daemon.pid, child.pid]);
  });

  it("of another session says nothing, nor does one that was started under --close", async () => {
    machine.start({ env: { HOLDFAST_SESSION: "another000" } });
    machine.start({ env: { ...ours, HOLDFAST_CLOSE: "1" } });
    expect(await pidsOf(rootsOf())).toEqual([100]);
  });

  it("is only looked for where it can be: not with other users, unless for root", async () => {
    const other = machine.start({ uid: 1001, env: ours });
    expect(await pidsOf(rootsOf())).toEqual([100]);
    expect(machine.environmentsRead).not.toContain(other.pid);
    vi.spyOn(process, "geteuid").mockReturnValue(0);
    expect(await pidsOf(rootsOf())).toEqual([100, other.pid]);
  });

  it("is asked for no more of a settled process, and again of one that may not have come to its exec yet", async () => {
    const settled = machine.start({});
    const young = machine.start({ startedAt: new Date() });
    const readsOf = ({ pid }: { pid: number }) => machine.environmentsRead.filter((read) => read === pid).length;
    expect(await pidsOf(rootsOf())).toEqual([100]);
    expect(await pidsOf(rootsOf())).toEqual([100]);
    const before = readsOf(settled);
    young.env = ours;
    expect(await pidsOf(rootsOf())).toEqual([100, young.pid]);
    expect(await pidsOf(rootsOf())).toEqual([100, young.pid]);
    expect(readsOf(settled)).toBe(before);
  });

  it("is not looked for with those that were there before the session", async () => {
    const starter = machine.start();
    const { pid } = machine.start({ env: ours });
    machine.environmentsRead.length = 0;
    expect(await pidsOf(rootsOf({ notBefore: starter.identity }))).toEqual([100, pid]);
    expect(machine.environmentsRead).toEqual([starter.pid, pid]);
  });

  it("is asked for again when the PID has a new owner", async () => {
    const before = machine.start({});
    await pidsOf(rootsOf());
    machine.end(before.pid);
    machine.start({ pid: before.pid, env: ours });
    expect(await pidsOf(rootsOf())).toEqual([100, before.pid]);
  });
});

describe("exceptions", () => {
  it("are never in the tree, whatever speaks for it; what they started is", async () => {
    const shell = machine.fork(agent);
    const tool = machine.fork(shell);
    const keeper = machine.start({ env: ours });
    expect(await pidsOf(rootsOf({ except: [shell.pid, keeper.pid] }))).toEqual([100, tool.pid]);
  });

  it("are this command's own tools, when it runs inside the session", async () => {
    const self = machine.fork(agent, { pid: process.pid });
    machine.fork(self, { env: {}, pgid: 7 });
    expect(await pidsOf(rootsOf({ except: [process.pid] }))).toEqual([100]);
  });
});

describe("the process group", () => {
  /** In the agent's group, without its cookie or descent: only the group speaks for it. */
  function member(): FakeProcess {
    return machine.start({ pgid: 100, sid: 100, env: {} });
  }

  it("counts while its leader lives (R4.2)", async () => {
    const { pid } = member();
    expect(await pidsOf(rootsOf())).toEqual([100, pid]);
  });

  it("counts while its leader is a zombie, because nobody can have its number", async () => {
    const { pid } = member();
    agent.state = "zombie";
    expect(await pidsOf(rootsOf())).toEqual([pid]);
  });

  it("is never used when the agent did not make it", async () => {
    member();
    expect(await pidsOf(rootsOf({ groupLeader: null }))).toEqual([100]);
  });

  it("is somebody else's when another process has its number (R0.3)", async () => {
    machine.end(100);
    machine.start({ pid: 100 });
    member();
    expect(await pidsOf(rootsOf())).toEqual([]);
  });

  it("is not believed when the leader is gone and nobody in it is known", async () => {
    member();
    machine.end(100);
    expect(await pidsOf(rootsOf())).toEqual([]);
  });

  it("is believed when the leader was seen to go, and somebody in it was there by then (R4.2)", async () => {
    const first = member();
    const second = member();
    const leaderGoneBy = second.identity;
    machine.end(100);
    expect(await pidsOf(rootsOf({ leaderGoneBy }))).toEqual([first.pid, second.pid]);
    machine.end(first.pid);
    expect(await pidsOf(rootsOf({ leaderGoneBy }))).toEqual([]);
    // Whoever can change groups within another terminal session may be anybody.
    machine.start({ pgid: 100, sid: 7, env: {}, identity: { ...agent.identity, pid: 9 }, pid: 9 });
    expect(await pidsOf(rootsOf({ leaderGoneBy }))).toEqual([]);
  });

  it("is believed without its leader when somebody in it carries the cookie (R4.2)", async () => {
    const scrubbed = member();
    const carrier = machine.start({ pgid: 100, sid: 100, env: ours });
    machine.end(100);
    expect(await pidsOf(rootsOf())).toEqual([scrubbed.pid, carrier.pid]);
  });
});
