import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { KnownFile } from "../../../src/process/known-file.ts";
import { findFamily } from "../../../src/process/tree.ts";
import type { TreeRoots } from "../../../src/process/tree-roots.ts";
import { FakeMachine, type FakeOptions, type FakeProcess } from "../../support/fake-machine.ts";

const cookie = "k3y0000000";
const ours = { HOLDFAST_SESSION: cookie };
const claim: KnownFile = { device: 1, inode: 10, folder: "claims" };
const output: KnownFile = { device: 1, inode: 11, folder: "session" };
const keeperArguments = { argv: ["node", "/x/holdfast/dist/keeper.js"], command: "node keeper.js" };

let machine: FakeMachine;
let shell: FakeProcess;
let keeper: FakeProcess;

beforeEach(() => {
  machine = new FakeMachine();
  machine.start({ pid: 1, command: "init" });
  shell = machine.start({ pid: 90 });
  keeper = machine.start({ pid: 95, files: [claim], ...keeperArguments });
  vi.spyOn(process, "geteuid").mockReturnValue(1000);
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** A process of its own group whose identity a claim has, with a child that nothing else tells about. */
function namedAgent(options: FakeOptions): FakeProcess {
  const agent = machine.start({ pid: 100, ...options });
  machine.fork(agent, { pid: 101, env: {}, files: [] });
  machine.start({ pid: 102, pgid: 100, sid: 100, env: {} });
  return agent;
}

async function look(agent: FakeProcess, changes: Partial<TreeRoots> = {}) {
  const { members, unproven } = await findFamily(machine, {
    groupLeader: agent.identity,
    roots: [],
    named: { agent: agent.identity, files: [output] },
    cookie,
    inherited: [claim],
    except: [keeper.pid],
    keeper: { process: keeper.identity, claim },
    ...changes,
  });
  return { members: members.map(({ pid }) => pid), unproven: unproven.map(({ pid }) => pid) };
}

const family = { members: [100, 101, 102], unproven: [] };
const nobodys = { members: [], unproven: [100] };

describe("an agent that a claim names (R0.3)", () => {
  it.each<[string, FakeOptions]>([
    ["the cookie", { env: ours }],
    ["the cookie, also under --close", { env: { ...ours, HOLDFAST_CLOSE: "1" } }],
    ["the claim, which it has inherited", { files: [claim] }],
    ["its output", { files: [output] }],
    ["its parent, the keeper", { ppid: 95 }],
    ["its parent, also when nothing else of it can be read", { ppid: 95, env: null, files: null }],
  ])("is proven by %s, with its group and descendants", async (_, options) => {
    expect(await look(namedAgent(options))).toEqual(family);
  });

  it.each<[string, FakeOptions]>([
    ["nothing", {}],
    ["the cookie of another session", { env: { HOLDFAST_SESSION: "another000" } }],
    ["another file", { files: [{ ...output, inode: 12 }] }],
    ["what cannot be read", { env: null, files: null }],
  ])("is not by %s: neither it, nor its group, nor its descendants", async (_, options) => {
    expect(await look(namedAgent(options))).toEqual(nobodys);
  });

  it("is not by a parent that only the claim calls the keeper", async () => {
    keeper.files = [];
    expect(await look(namedAgent({ ppid: 95 }))).toEqual(nobodys);
  });

  it("is by a keeper that does not let itself be looked at, if that is a holdfast", async () => {
    keeper.files = null;
    expect(await look(namedAgent({ ppid: 95 }))).toEqual(family);
    keeper.argv = ["sleep", "1"];
    expect(await look(namedAgent({ ppid: 95 }))).toEqual(nobodys);
  });

  it("is another process when its PID is used again", async () => {
    const agent = namedAgent({ env: ours });
    machine.processes.delete(100);
    machine.start({ pid: 100 });
    expect(await look(agent)).toEqual({ members: [], unproven: [] });
  });

  it("that is a zombie is nobody, but where zombies are asked for", async () => {
    const agent = namedAgent({ env: ours });
    agent.state = "zombie";
    agent.env = null;
    expect(await look(agent)).toEqual({ members: [], unproven: [] });
    expect((await look(agent, { zombies: true })).unproven).toEqual([100]);
  });

  it("that is proven stays so, for who remembers it", async () => {
    const agent = namedAgent({ ppid: 95 });
    const known = new Map([[agent.pid, agent.identity]]);
    machine.end(95);
    const roots = { groupLeader: null, roots: [], named: { agent: agent.identity, files: [] }, cookie, except: [] };
    expect((await findFamily(machine, roots, known)).members.map(({ pid }) => pid)).toEqual([100, 101]);
  });
});

describe("who has inherited the claim", () => {
  it("belongs to the session without a cookie, a group or a parent, with its descendants (R2.3, R4.2)", async () => {
    const agent = namedAgent({ env: ours });
    const daemon = machine.start({ ppid: 1, env: {}, files: [claim] });
    const child = machine.fork(daemon, { files: [] });
    expect((await look(agent)).members).toEqual([...family.members, daemon.pid, child.pid]);
  });

  it("is only looked for among those that may have lost their parents, as long as the keeper lives", async () => {
    keeper.ppid = shell.pid;
    const agent = namedAgent({ env: ours });
    const server = machine.start();
    const ofServer = machine.fork(server, { env: {}, files: [claim] });
    const ofShell = machine.start({ ppid: shell.pid, env: {}, files: [claim] });
    expect((await look(agent)).members).toEqual([...family.members, ofShell.pid]);
    machine.end(95);
    expect((await look(agent)).members).toEqual([...family.members, ofServer.pid, ofShell.pid]);
  });

  it("is never a holdfast: that has made it", async () => {
    const agent = namedAgent({ env: ours });
    machine.start({ ppid: 1, files: [claim], ...keeperArguments });
    expect(await look(agent)).toEqual(family);
  });

  it("is not looked for where nothing is inherited", async () => {
    const agent = namedAgent({ env: ours });
    machine.start({ ppid: 1, env: {}, files: [claim] });
    expect(await look(agent, { inherited: [] })).toEqual(family);
  });
});

it("a keeper whose claim is gone, or that was never named, proves nothing for anybody (R0.3)", async () => {
  const agent = machine.start({ pid: 100, ppid: 95, env: {} });
  expect(await look(agent, { keeper: { process: keeper.identity, claim: null } })).toEqual(nobodys);
  expect(await look(agent, { keeper: null })).toEqual(nobodys);
});
