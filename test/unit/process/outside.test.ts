import { mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { findOutside, type OutsideQuery } from "../../../src/process/outside.ts";
import { FakeMachine, type FakeOptions, type FakeProcess } from "../../support/fake-machine.ts";

let directory: string;
let root: string;
let machine: FakeMachine;
let shell: FakeProcess;
let self: FakeProcess;

beforeAll(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "holdfast-outside-")));
  root = join(directory, "project");
  symlinkSync(directory, root);
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

beforeEach(() => {
  machine = new FakeMachine();
  machine.start({ pid: 1, command: "init" });
  shell = machine.start({ command: "bash", argv: ["bash"] });
  self = machine.fork(shell, { pid: process.pid, command: "node cli.js status", argv: ["node", "cli.js", "status"] });
});

function agent(options: FakeOptions & { readonly parent?: FakeProcess } = {}): FakeProcess {
  const { parent = shell, argv = ["node", "engine.js"], ...others } = options;
  return machine.fork(parent, { cwd: directory, argv, command: argv.join(" "), ...others });
}

const isEngine = (command: string): boolean => command.includes("engine.js");

async function pidsOf(changes: Partial<OutsideQuery> = {}): Promise<readonly number[]> {
  const found = await findOutside(machine, { looksLikeAgent: isEngine, root, uid: 1000, except: [], ...changes });
  return found.map(({ pid }) => pid);
}

it("finds agents in the project, also below its root and through links (R3.2)", async () => {
  const agents = [agent(), agent({ cwd: join(directory, "packages/a") })];
  expect(await pidsOf()).toEqual(agents.map(({ pid }) => pid));
});

it.each<[string, FakeOptions]>([
  ["of another command", { argv: ["vim", "notes.txt"] }],
  ["in another directory", { cwd: "/srv/elsewhere" }],
  ["in a directory whose name only begins alike", { cwd: "-sibling" }],
  ["in a directory that cannot be read", { cwd: null }],
  ["of another user", { uid: 1001 }],
  ["that belong to a session", { env: { HOLDFAST_SESSION: "another000" } }],
  ["whose environment cannot be read", { env: null }],
  ["that are zombies", { state: "zombie" }],
])("leaves processes alone %s (R3.6)", async (_, options) => {
  agent({ ...options, ...(options.cwd === "-sibling" ? { cwd: `${directory}-sibling` } : {}) });
  expect(await pidsOf()).toEqual([]);
});

it("leaves exceptions, this process and its ancestors alone", async () => {
  const { pid } = agent();
  shell.command = "bash engine.js.sh";
  shell.cwd = directory;
  self.command = "node cli.js start -- node engine.js";
  self.cwd = directory;
  expect(await pidsOf({ except: [pid] })).toEqual([]);
});

it.each([
  [["holdfast", "run", "node", "engine.js"]],
  [["node", "/usr/local/bin/holdfast", "run", "node", "engine.js"]],
  [["node", "--no-warnings", "/srv/bin/holdfast.js", "run", "node", "engine.js"]],
  [["/opt/node", "/opt/node_modules/holdfast/dist/keeper.js", "node", "engine.js"]],
  [["node", join(import.meta.dirname, "../../../src/process/keeper.js"), "node", "engine.js"]],
])("takes no waiting holdfast for an agent: %j (R3.2)", async (argv) => {
  agent({ argv });
  expect(await pidsOf()).toEqual([]);
});

it("takes nothing for an agent that only launches holdfast (R3.2)", async () => {
  const npm = agent({ argv: ["npm exec holdfast run node engine.js"] });
  const sh = agent({ parent: npm, argv: ["sh", "-c", "holdfast run node engine.js"] });
  agent({ parent: sh, argv: ["node", "/usr/bin/holdfast", "run", "node", "engine.js"] });
  expect(await pidsOf()).toEqual([]);
});

it("takes an agent for one although it uses holdfast at the moment", async () => {
  const engine = agent();
  agent({ parent: engine, argv: ["node", "/usr/bin/holdfast", "status"] });
  const talker = agent({ argv: ["node", "engine.js", "--tool", "holdfast"] });
  expect(await pidsOf()).toEqual([engine.pid, talker.pid]);
});

it("finds agents anywhere when the project is the whole file system", async () => {
  const { pid } = agent({ cwd: "/srv/elsewhere" });
  expect(await pidsOf({ root: "/" })).toEqual([pid]);
});

it("spares its ancestors also where it cannot see itself (R3.6)", async () => {
  machine.end(self.pid);
  const launcher = machine.start({ pid: process.ppid, cwd: directory, command: "node engine.js", ppid: shell.pid });
  const { pid } = agent();
  expect(await pidsOf()).toEqual([pid]);
  expect(launcher.pid).not.toBe(pid);
});
