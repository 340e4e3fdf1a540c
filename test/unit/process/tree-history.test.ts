import { beforeEach, afterEach, expect, it, vi } from "vitest";
import * as fc from "fast-check";
import type { ProcessIdentity } from "../../../src/process/identity.ts";
import type { Moment } from "../../../src/process/moment.ts";
import { findTree } from "../../../src/process/tree.ts";
import { FakeMachine, type FakeProcess } from "../../support/fake-machine.ts";

/**
 * Random lives of a small machine that hands out PIDs as the kernel does, but from so few that every number is soon
 * used again: forks, ends, zombies, new sessions, changed groups, scrubbed environments. Whatever happened, the tree
 * has no process in it that does not truly stem from the agent, and every one that carries the cookie.
 */
const ours = { HOLDFAST_SESSION: "k3y0000000" };
const pids = [2, 3, 4, 5, 6, 7];

class History {
  readonly machine = new FakeMachine();
  readonly agent: FakeProcess;
  readonly #init = this.machine.start({ pid: 1 });
  /** When the agent was gone, as its keeper sees it. */
  goneBy: Moment | null = null;
  /** The truth, by start: who stems from the agent. */
  readonly #descent = new Set<string>();

  constructor() {
    this.agent = this.machine.fork(this.#init, { pid: 2, pgid: 2, sid: 2, env: ours });
    this.#descent.add(this.agent.identity.started);
  }

  isOurs({ identity }: Pick<FakeProcess, "identity">): boolean {
    return this.#descent.has(identity.started);
  }

  carriers(): readonly number[] {
    const { processes } = this.machine;
    return [...processes.values()].filter(({ env, state }) => env === ours && state !== "zombie").map(({ pid }) => pid);
  }

  step([what, which, where]: readonly [string, number, number]): void {
    const processes = [...this.machine.processes.values()];
    const live = processes.filter(({ state }) => state !== "zombie");
    const actor = live[which % live.length] ?? this.#init;
    if (what === "fork") this.#fork(actor);
    if (actor === this.#init) return;
    if (what === "end") this.#end(actor);
    if (what === "reap")
      for (const { pid, ppid, state } of processes) if (state === "zombie" && ppid === actor.pid) this.machine.end(pid);
    if (what === "scrub") actor.env = {};
    // setsid(2) is refused to the leader of a group.
    if (what === "setsid" && actor.pgid !== actor.pid) actor.pgid = actor.sid = actor.pid;
    if (what === "setpgid") this.#changeGroup(actor, processes[where % processes.length] ?? actor);
  }

  /** A number is free when nobody has it, as PID, group or session: pid_namespaces(7), setpgid(2). */
  #fork(parent: FakeProcess): void {
    const used = new Set([...this.machine.processes.values()].flatMap(({ pid, pgid, sid }) => [pid, pgid, sid]));
    const pid = pids.find((number) => !used.has(number));
    if (pid === undefined) return;
    // What init starts gets a session of its own, as services and logins do.
    const child = this.machine.fork(parent, {
      pid,
      ...(parent === this.#init ? { pgid: pid, sid: pid, env: {} } : {}),
    });
    if (this.isOurs(parent)) this.#descent.add(child.identity.started);
  }

  /** Its children go to init, which reaps the zombies among them; itself it stays a zombie until its parent reaps it. */
  #end(process: FakeProcess): void {
    if (process === this.agent) this.goneBy ??= { ...process.identity, started: String(1 + this.#newest()) };
    for (const { pid, ppid, state } of this.machine.processes.values()) {
      if (ppid === process.pid && state === "zombie") this.machine.end(pid);
    }
    for (const child of this.machine.processes.values()) if (child.ppid === process.pid) child.ppid = 1;
    if (process.ppid === 1) this.machine.end(process.pid);
    else process.state = "zombie";
  }

  #newest(): number {
    return Math.max(...[...this.machine.processes.values()].map(({ identity }) => Number(identity.started)));
  }

  /** Into a group of its own, or that of another process of its session. A session's leader cannot change. */
  #changeGroup(process: FakeProcess, other: FakeProcess): void {
    if (process.pid === process.sid || process.sid !== other.sid) return;
    process.pgid = other === process ? process.pid : other.pgid;
  }
}

const steps = fc.array(
  fc.tuple(
    fc.constantFrom("fork", "fork", "fork", "end", "end", "reap", "scrub", "setsid", "setpgid", "scan"),
    fc.nat(20),
    fc.nat(20),
  ),
  { maxLength: 60 },
);

beforeEach(() => {
  vi.spyOn(process, "geteuid").mockReturnValue(0);
});

afterEach(() => {
  vi.restoreAllMocks();
});

it.each([
  ["without a memory of earlier scans", () => undefined],
  ["remembering earlier scans", () => new Map<number, ProcessIdentity>()],
])("takes in no stranger and misses no cookie, whatever PIDs are used again, %s (R0.3, R4.2)", async (_, makeKnown) => {
  await fc.assert(
    fc.asyncProperty(steps, async (history) => {
      const world = new History();
      const known = makeKnown();
      const { identity } = world.agent;
      const roots = { groupLeader: identity, roots: [identity], cookie: ours.HOLDFAST_SESSION, except: [1] };
      for (const step of [...history, ["scan", 0, 0] as const]) {
        world.step(step);
        if (step[0] !== "scan") continue;
        const { goneBy: leaderGoneBy } = world;
        const tree = await findTree(world.machine, { ...roots, leaderGoneBy }, known);
        expect(tree.filter((entry) => !world.isOurs(entry))).toEqual([]);
        expect(tree.map(({ pid }) => pid)).toEqual(expect.arrayContaining([...world.carriers()]));
      }
    }),
    { numRuns: 2000 },
  );
});
