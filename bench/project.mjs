/**
 * Where a benchmark works: a temporary project, and the processes started for it. All of it is gone when the benchmark
 * ends, also after a failure, Ctrl-C or SIGTERM.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const patienceMs = 60_000;
const looksEveryMs = 5;
const program = fileURLToPath(new URL("../bin/holdfast.js", import.meta.url));

/** Without what a caller may have set, or the session this runs in. */
export const cleanEnv = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith("HOLDFAST_")),
);

/** @returns {readonly [string, ...string[]]} the built program's command line for a project */
export function holdfast(project, ...args) {
  return [process.execPath, program, "-C", project, ...args];
}

/** By its path what each has to be ended by, the last one first. @type {Map<string, (() => void)[]>} */
const projects = new Map();
const running = new Map();

/** Has a child killed, if it still runs at the end. @param {boolean} leadsGroup kill its process group with it */
export function track(child, leadsGroup = false) {
  if (child.pid === undefined) return child;
  running.set(child, leadsGroup);
  child.once("exit", () => running.delete(child));
  return child;
}

/** Kills a child that runs, with its process group if it leads one. */
export function kill(child) {
  // Not reaped yet, so the number still means this child and no stranger.
  if (!running.has(child)) return;
  process.kill(running.get(child) ? -child.pid : child.pid, "SIGKILL");
}

/**
 * @template Result
 * @param {(project: string) => Promise<Result>} body gets the path of an empty directory
 * @returns {Promise<Result>}
 */
export async function withProject(body) {
  const project = mkdtempSync(path.join(tmpdir(), "holdfast-bench-"));
  projects.set(project, []);
  try {
    return await body(project);
  } finally {
    clear(project);
  }
}

/** Has this called before everything is killed: it ends what is no child of this process. @param {() => void} close */
export function atEnd(project, close) {
  projects.get(project)?.unshift(close);
}

/** Runs a command to its end, off the clock. @returns {string} what it wrote to stdout */
export function callNow([command, ...args], { env = cleanEnv, cwd } = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { env, cwd, encoding: "utf8" });
  if (error !== undefined) throw error;
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(" ")} exited with ${status}: ${stderr.trim().split("\n").at(-1)}`);
}

/** Waits until something holds. @param {() => unknown} condition */
export async function until(condition, what) {
  const deadline = Date.now() + patienceMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`Waited ${patienceMs / 1000} s until ${what}`);
    await sleep(looksEveryMs);
  }
}

function clear(project) {
  for (const close of projects.get(project) ?? []) close();
  projects.delete(project);
  for (const child of running.keys()) kill(child);
  // What it cannot reach by its children it finds by the session's cookie: the keeper of `start`, and its agent.
  const [node, ...args] = holdfast(project, "cleanup");
  const { status, stderr } = spawnSync(node, args, { env: cleanEnv, encoding: "utf8" });
  if (status !== 0) console.error(`holdfast cleanup exited with ${status}: ${stderr}`);
  rmSync(project, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.once(signal, () => {
    for (const project of projects.keys()) clear(project);
    process.exit(128 + constants.signals[signal]);
  });
}
