/** Who is compared in the queue: each runs a command under a lock and makes the others wait. Linux only. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { holdfast } from "./project.mjs";

/**
 * @typedef {object} Peer
 * @property {string} name
 * @property {() => string} version throws when the peer is not here
 * @property {(project: string, command: readonly string[]) => readonly string[]} underLock the command line that runs the
 *   command under the lock, after having waited for it
 * @property {(project: string, waiters: ReadonlyArray<{ said: string }>) => number} countWaiting how many have been
 *   refused and wait
 * @property {(project: string) => import("./closes.mjs").Held} [held] what is closed when the lock is given back
 * @property {boolean} polls waiters look now and then, and take time from whatever runs meanwhile
 * @property {boolean} apart takes no turns with the others
 */

const require = createRequire(import.meta.url);
const bareLock = fileURLToPath(new URL("bare-lock.mjs", import.meta.url));
const pollingLock = fileURLToPath(new URL("polling-lock.mjs", import.meta.url));

/** @type {Peer} */
const ourselves = {
  name: "holdfast",
  version: () => require("../package.json").version,
  underLock: (project, command) => holdfast(project, "-q", "run", "--", ...command),
  countWaiting(project) {
    const state = path.join(project, ".holdfast");
    return countBlocked([...filesIn(path.join(state, "claims")), ...filesIn(path.join(state, "queue"))]);
  },
  held: (project) => ({ event: "IN_CLOSE_WRITE", path: path.join(project, ".holdfast/claims") }),
  polls: false,
  apart: false,
};

/** @type {Peer} */
const flock = {
  name: "flock",
  version() {
    const { error, stdout } = spawnSync("flock", ["--version"], { encoding: "utf8" });
    if (error !== undefined) throw error;
    return stdout.trim().replace(/^flock from /, "");
  },
  underLock: (project, command) => ["flock", path.join(project, "flock"), ...command],
  countWaiting: (project) => countBlocked([path.join(project, "flock")]),
  held: (project) => ({ event: "IN_CLOSE_NOWRITE", path: path.join(project, "flock") }),
  polls: false,
  apart: false,
};

/** No tool, but what there is to be had with Node. @type {Peer} */
const bareNode = {
  name: "bare Node",
  version: () => process.versions.node,
  underLock: (project, command) => [process.execPath, bareLock, path.join(project, "bare"), ...command],
  countWaiting: (project) => countBlocked([path.join(project, "bare")]),
  held: (project) => ({ event: "IN_CLOSE_WRITE", path: path.join(project, "bare") }),
  polls: false,
  apart: true,
};

/** @type {Peer} */
const properLockfile = {
  name: "proper-lockfile",
  version: () => require("proper-lockfile/package.json").version,
  underLock: (project, command) => [process.execPath, pollingLock, path.join(project, "polled"), ...command],
  countWaiting: (_project, waiters) => waiters.filter(({ said }) => said.includes("waiting")).length,
  polls: true,
  apart: true,
};

/** The peer that the figures are ratios to comes first. */
export const peers = [flock, ourselves, bareNode, properLockfile];

function filesIn(directory) {
  try {
    return readdirSync(directory).map((name) => path.join(directory, name));
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
}

/** How many wait in the kernel for a lock on one of the files: proc_locks(5) marks them by an arrow. */
function countBlocked(files) {
  const inodes = new Set(files.map((file) => String(statSync(file, { throwIfNoEntry: false })?.ino)));
  const waiting = readFileSync("/proc/locks", "latin1").matchAll(/->.* \w+:\w+:(\d+) /g);
  return [...waiting].filter(([, inode]) => inodes.has(inode)).length;
}
