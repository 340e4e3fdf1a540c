import { spawn, spawnSync, type ChildProcess, type SpawnOptions } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach } from "vitest";

const directory = join(import.meta.dirname, "../fixtures/processes");

export interface Fixture {
  readonly pid: number;
  readonly child: ChildProcess;
  /** The PID that it announced in a line like `child 123`. */
  pidOf(word: string): number;
  readonly exited: Promise<void>;
}

let marker = 0;
let started: Fixture[] = [];
/** Announced PIDs, with the start time they had then. */
let announced = new Map<number, string>();

/** A value that only the processes of the running test have in their environment, beside those without one. */
function currentMarker(): string {
  return `${process.pid}-${marker}`;
}

/** Starts a program of test/fixtures/processes, and returns when it says that it is ready. */
export async function startFixture(
  name: string,
  args: readonly string[] = [],
  options: SpawnOptions = {},
): Promise<Fixture> {
  const interpreter = name.endsWith(".sh") ? "sh" : process.execPath;
  return startProgram(interpreter, [join(directory, name), ...args], options);
}

/**
 * Starts a program, and returns when it says that it is ready; a silent one is ready when it runs.
 * @param options `env` comes on top of the environment of the tests
 */
export async function startProgram(
  file: string,
  args: readonly string[],
  options: SpawnOptions & { readonly silent?: boolean } = {},
): Promise<Fixture> {
  const env = { ...cleanEnvironment(), ...options.env, HOLDFAST_TEST: currentMarker() };
  const child = spawn(file, args, { ...options, env, stdio: ["ignore", "pipe", "inherit"] });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  await new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject));
  const pids = new Map<string, number>();
  const fixture = { pid: child.pid ?? 0, child, pidOf: (word: string) => announcedPid(pids, word), exited };
  started.push(fixture);
  if (options.silent !== true) await untilReady(child, pids);
  return fixture;
}

/** The tests themselves may run in a session. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("HOLDFAST_")));
}

async function untilReady(child: ChildProcess, pids: Map<string, number>): Promise<void> {
  if (child.stdout === null) return;
  for await (const line of createInterface({ input: child.stdout })) {
    const [word = "", pid] = line.split(" ");
    if (word === "ready") return;
    if (pid === undefined) continue;
    pids.set(word, Number(pid));
    announced.set(Number(pid), startOf(Number(pid)));
  }
  throw new Error("The fixture ended before it was ready");
}

/** A process that has ended, and its parent, which does not reap it. */
export async function startZombie(): Promise<{ readonly pid: number; readonly parent: Fixture }> {
  const parent = await startFixture("never-reaps.sh");
  const pid = parent.pidOf("child");
  // The shell would reap it; what the shell becomes does not.
  await until(() => argumentsOf(parent.pid) === "sleep 60");
  process.kill(pid, "SIGKILL");
  await until(() => stateOf(pid).startsWith("Z"));
  return { pid, parent };
}

const isLinux = process.platform === "linux";

/** On Linux from /proc: there may be no ps. */
function argumentsOf(pid: number): string {
  return isLinux ? readProc(pid, "cmdline").replaceAll("\0", " ").trim() : ps(pid, "args");
}

function stateOf(pid: number): string {
  return isLinux ? (/^State:\s+(\S)/m.exec(readProc(pid, "status"))?.[1] ?? "") : ps(pid, "stat");
}

function readProc(pid: number, file: string): string {
  return readFileSync(`/proc/${pid}/${file}`, "utf8");
}

function ps(pid: number, column: string): string {
  return spawnSync("ps", ["-o", `${column}=`, "-p", String(pid)], { encoding: "utf8" }).stdout.trim();
}

/** Resolves when the condition holds; the test's own time limit ends the wait. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(5);
}

function announcedPid(pids: ReadonlyMap<string, number>, word: string): number {
  const pid = pids.get(word);
  if (pid === undefined) throw new Error(`The fixture has not announced ${word}`);
  return pid;
}

/** Nothing that a test started outlives it, also when it fails: found without the code under test. */
afterEach(async () => {
  const [fixtures, others] = [started, announced];
  [started, announced] = [[], new Map()];
  for (const { child } of fixtures) child.kill("SIGKILL");
  for (const [pid, start] of others) if (startOf(pid) === start) killIfThere(pid);
  for (let left = markedPids(); left.length > 0; left = markedPids()) {
    for (const pid of left) killIfThere(pid);
    await sleep(5);
  }
  await Promise.all(fixtures.map(({ exited }) => exited));
  marker += 1;
});

/** On Linux; elsewhere only what was announced is found. */
function markedPids(): readonly number[] {
  const wanted = `HOLDFAST_TEST=${currentMarker()}`;
  const pids = process.platform === "linux" ? readdirSync("/proc").filter((name) => /^\d+$/.test(name)) : [];
  return pids.filter((pid) => readOrEmpty(`/proc/${pid}/environ`).split("\0").includes(wanted)).map(Number);
}

/** The start time of a process, or nothing. */
function startOf(pid: number): string {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")")).split(" ")[20] ?? "";
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It was faster.
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
