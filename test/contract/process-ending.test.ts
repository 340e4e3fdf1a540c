import { beforeEach, describe, expect, it } from "vitest";
import { identify, livenessOf, selfIdentity, type ProcessIdentity } from "../../src/process/identity.ts";
import { findOutside } from "../../src/process/outside.ts";
import { openProcessTable, type ProcessEntry, type ProcessTable } from "../../src/process/table.ts";
import { terminate, type TerminateOptions, type TerminateResult } from "../../src/process/terminate.ts";
import { findTree } from "../../src/process/tree.ts";
import type { TreeRoots } from "../../src/process/tree-roots.ts";
import { FakeMachine } from "../support/fake-machine.ts";
import { startFixture, startProgram, until, type Fixture } from "../support/fixture-processes.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

let table: ProcessTable;
let sessions = 0;

beforeEach(async () => {
  table = await openProcessTable();
});

interface Session {
  readonly agent: Fixture;
  readonly roots: TreeRoots;
  readonly tree: () => Promise<readonly ProcessEntry[]>;
  readonly end: (options?: Partial<TerminateOptions>) => Promise<TerminateResult>;
}

/** An agent as a keeper starts it: in a session and group of its own, with a cookie. */
async function startSession(name: string, args: readonly string[] = []): Promise<Session> {
  sessions += 1;
  const cookie = `test${process.pid}x${sessions}`;
  const agent = await startFixture(name, args, { detached: true, env: { HOLDFAST_SESSION: cookie } });
  const identity = identify(agent.pid);
  const roots: TreeRoots = {
    groupLeader: identity,
    roots: identity === null ? [] : [identity],
    cookie,
    except: [process.pid],
  };
  const known = new Map<number, ProcessIdentity>();
  const tree = (): Promise<readonly ProcessEntry[]> => findTree(table, roots, known);
  const end = (options: Partial<TerminateOptions> = {}): Promise<TerminateResult> =>
    terminate({ table, find: tree, signal: "SIGTERM", killAfterMs: 10_000, ...options });
  return { agent, roots, tree, end };
}

function pidsOf(entries: readonly { readonly pid: number }[]): readonly number[] {
  return entries.map(({ pid }) => pid).toSorted((a, b) => a - b);
}

describe("findTree", () => {
  it("finds children, daemons that left, and what has no environment, and nobody else (R4.2)", async () => {
    const { agent, tree } = await startSession("family.sh");
    const bystander = await startSession("family.sh");
    const found = pidsOf(await tree());
    const named = ["child", "scrubbed", "daemon", "stubborn"].map((word) => agent.pidOf(word));
    expect(found).toEqual(expect.arrayContaining([agent.pid, ...named]));
    const others = new Set(pidsOf(await bystander.tree()));
    expect(found.filter((pid) => others.has(pid))).toEqual([]);
  });

  it("still finds them when the agent has died, and says nothing when all are gone (R2.3)", async () => {
    const { agent, roots } = await startSession("family.sh");
    agent.child.kill("SIGKILL");
    await agent.exited;
    // Without a memory: as a command finds it that comes later.
    const found = pidsOf(await findTree(table, roots));
    const named = ["child", "scrubbed", "daemon", "stubborn"].map((word) => agent.pidOf(word));
    expect(found).toEqual(expect.arrayContaining(named));
    await terminate({ table, find: () => findTree(table, roots), signal: "SIGKILL", killAfterMs: 0 });
    expect(await findTree(table, roots)).toEqual([]);
  });

  it("does not miss a process by its cookie while it becomes another program (R4.2)", async () => {
    const { agent, roots } = await startSession("becomes-another.sh", ["3000"]);
    const byCookie: TreeRoots = { ...roots, groupLeader: null, roots: [] };
    const missed: number[] = [];
    for (let look = 0; look < 300; look += 1) {
      // A new table each time: one that remembers the cookie would not look again.
      const found = await findTree(await openProcessTable(), byCookie);
      if (!found.some(({ pid }) => pid === agent.pid)) missed.push(look);
    }
    expect(missed).toEqual([]);
    expect(agent.child.exitCode).toBeNull();
  });
});

describe("terminate", () => {
  it("ends the whole session and names each process and how it went (R3.4, R4.2)", async () => {
    const { agent, end, tree } = await startSession("family.sh");
    const bystander = await startSession("sleeper.sh");
    const { ended, survivors } = await end({ killAfterMs: 200 });
    expect(survivors).toEqual([]);
    expect(await tree()).toEqual([]);
    const howOf = (pid: number): string | undefined => ended.find((process) => process.pid === pid)?.how;
    expect(howOf(agent.pid)).toBe("SIGTERM");
    expect(howOf(agent.pidOf("daemon"))).toBe("SIGTERM");
    expect(howOf(agent.pidOf("scrubbed"))).toBe("SIGTERM");
    expect(howOf(agent.pidOf("stubborn"))).toBe("SIGKILL");
    expect(ended.find(({ pid }) => pid === agent.pidOf("daemon"))?.command).toBe("sleep 60");
    expect(pidsOf(await bystander.tree())).toEqual([bystander.agent.pid]);
  });

  it("ends a stopped process without waiting for the grace period (R3.4)", async () => {
    const { agent, tree, end } = await startSession("stops-itself.sh");
    await until(async () => (await tree())[0]?.state === "stopped");
    const { ended } = await end({ killAfterMs: 60_000 });
    expect(ended).toMatchObject([{ pid: agent.pid, how: "SIGTERM" }]);
    expect(agent.child.signalCode ?? (await agent.exited.then(() => agent.child.signalCode))).toBe("SIGTERM");
  });

  it("ends what is started in answer to the signal (R4.2)", async () => {
    const { agent, end, tree } = await startSession("forks-when-asked.sh");
    const { ended, survivors } = await end({ killAfterMs: 300 });
    expect(survivors).toEqual([]);
    expect(await tree()).toEqual([]);
    const late = ended.filter(({ command }) => command.includes("ignores-term.sh"));
    // There may be more: a shell forks for what it runs, too.
    expect(late.filter(({ how }) => how === "SIGKILL").length).toBeGreaterThanOrEqual(3);
    expect(ended.find(({ pid }) => pid === agent.pid)?.how).toBe("SIGTERM");
  });

  it("ends what forks on while it is being killed", async () => {
    const { end, tree } = await startSession("forks-on.sh", ["6"]);
    const { ended, survivors } = await end({ killAfterMs: 30 });
    expect(survivors).toEqual([]);
    expect(await tree()).toEqual([]);
    expect(ended.length).toBeGreaterThan(2);
    expect(ended.filter(({ how }) => how === "SIGKILL").length).toBeGreaterThan(2);
  });

  it("does not wait out the grace period when it is hurried (R2.2)", async () => {
    const { agent, end } = await startSession("ignores-term.sh");
    const hurry = new AbortController();
    const ending = end({ killAfterMs: 600_000, abort: hurry.signal });
    hurry.abort();
    expect((await ending).ended).toContainEqual(expect.objectContaining({ pid: agent.pid, how: "SIGKILL" }));
  });

  it("leaves an innocent process alone that a forged session names (R0.3)", async () => {
    const innocent = await startFixture("sleeper.sh");
    const identity = identify(innocent.pid);
    const forged: ProcessIdentity = { ...selfIdentity(), pid: innocent.pid };
    const roots: TreeRoots = { groupLeader: forged, roots: [forged], cookie: "forged0000", except: [] };
    const known = new Map([[innocent.pid, forged]]);
    expect(await findTree(table, roots, known)).toEqual([]);
    const entry = new FakeMachine().start({ pid: innocent.pid, identity: forged });
    const find = (): Promise<readonly ProcessEntry[]> => Promise.resolve([entry]);
    await terminate({ table, find, signal: "SIGKILL", killAfterMs: 0 });
    expect(identity && livenessOf(identity)).toBe("alive");
  });
});

describe("findOutside", () => {
  it("finds agents of the project that run outside any session, and only those (R3.2)", async () => {
    const root = temporaryDirectory();
    const inside = { cwd: root };
    // In one process: a shell forks, and then there are two with this command for a moment.
    const script = ["-e", "console.log('ready'); setTimeout(() => {}, 60_000)", "outside-agent.js"];
    const node = process.execPath;
    const agent = await startProgram(node, script, inside);
    await startProgram(node, script);
    await startProgram(node, script, { ...inside, env: { HOLDFAST_SESSION: "another000" } });
    await startProgram(node, script, { ...inside, argv0: "holdfast" });
    const looksLikeAgent = (command: string) => command.includes("outside-agent.js");
    const query = { looksLikeAgent, root, uid: process.getuid?.() ?? 0 };
    expect(pidsOf(await findOutside(table, { ...query, except: [] }))).toEqual([agent.pid]);
    expect(await findOutside(table, { ...query, except: [agent.pid] })).toEqual([]);
  });
});
