/**
 * A line of waiters for one lock. Whoever is granted it runs the same shell command under every peer: it says the time,
 * holds the lock until it is told to go on, and says the time again as its last act. So the clock is the commands' own,
 * and what was waited for here is not in the figures.
 */
import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { Closes } from "./closes.mjs";
import { cleanEnv, kill, track } from "./project.mjs";

/** At the end of its input it goes on, too: when this process is killed, the line runs empty by itself. */
const command = ["sh", "-c", "date +%s%N; read -r _; date +%s%N"];

/** What the last grant left to do (processes that exit, a claim to be written) is over by then. */
const quietMs = 20;
const looksEveryMs = 2;
/** Far more than the slowest peer takes. */
const patienceMs = 60_000;

/**
 * @typedef {object} Grant
 * @property {number} elapsedMs from the end of the command (or the signal) until the next one's runs
 * @property {number | null} sinceReleaseMs from the moment the lock was given back, where that is to be seen
 * @property {boolean} passed somebody waited longer than who was granted
 * @property {number} doubled how many held the lock at the same time, beyond the one
 */

export class Line {
  /** @readonly */
  #peer;
  /** @readonly */
  #project;
  /** @readonly */
  #length;
  /** @type {Member[]} */
  #holders = [];
  /** Who came first is first. @type {Member[]} */
  #waiting = [];
  #watches;
  /** Sees the lock given back; null where that is not wanted, or not to be seen. @type {Closes | null} */
  #closes = null;

  /**
   * @param {import("./peers.mjs").Peer} peer
   * @param {number} length how many wait whenever the lock is given up
   * @param {boolean} watches whether to see from outside when it is given back
   */
  constructor(peer, project, length, watches) {
    this.#peer = peer;
    this.#project = project;
    this.#length = length;
    this.#watches = watches;
  }

  /**
   * Ends the holder and awaits the next grant.
   * @param {"release" | "kill"} how `kill`: SIGKILL to the holder and its command at once
   * @returns {Promise<Grant>}
   */
  async next(how) {
    await this.#fill();
    await sleep(quietMs);
    if (this.#watches) await this.#watch();
    const [oldest] = this.#waiting;
    const holders = this.#holders;
    const ended = how === "kill" ? killAll(holders) : await releaseAll(holders);
    const first = await this.#nextGrant();
    const exits = await within(Promise.all(holders.map(({ exited }) => exited)), "the holder to exit");
    if (how === "release" && exits.some((code) => code !== 0)) {
      throw new Error(
        `${this.#peer.name} exited with ${exits.join(", ")}: ${holders.map(({ said }) => said).join("")}`,
      );
    }
    this.#settle();
    return {
      elapsedMs: Number(first.at - ended) / 1e6,
      sinceReleaseMs: await this.#sinceRelease(ended, first.at),
      passed: first.member !== oldest,
      doubled: holders.length - 1,
    };
  }

  /** Ends everybody. */
  async end() {
    this.#closes?.end();
    const everybody = [...this.#holders, ...this.#waiting];
    for (const { child } of everybody) kill(child);
    await Promise.all(everybody.map(({ exited }) => exited));
  }

  /** When the lock is held, for what is watched must be there. */
  async #watch() {
    const held = this.#peer.held?.(this.#project);
    if (held === undefined || this.#closes !== null) return;
    try {
      this.#closes = await Closes.open(held);
    } catch (error) {
      this.#watches = false;
      console.error(`The release of ${this.#peer.name} is not seen, and was SKIPPED: ${error.message}`);
    }
  }

  /** @param {bigint} ended @param {bigint} granted @returns {Promise<number | null>} */
  async #sinceRelease(ended, granted) {
    if (this.#closes === null) return null;
    const released = await within(this.#closes.firstAfter(ended), `the release of ${this.#peer.name} to be seen`);
    return Number(granted - released) / 1e6;
  }

  async #fill() {
    if (this.#holders.length === 0) {
      this.#join();
      await this.#nextGrant();
      this.#settle();
    }
    // One after the other, so that it is known who came first.
    while (this.#waiting.length < this.#length) {
      this.#join();
      await this.#inLine();
    }
    // Somebody who was granted a lock that is held is no waiter any more.
    this.#settle();
    if (this.#waiting.length < this.#length) await this.#fill();
  }

  #join() {
    const [program, ...args] = this.#peer.underLock(this.#project, command);
    this.#waiting.push(new Member(program, args));
  }

  async #inLine() {
    const deadline = Date.now() + patienceMs;
    for (;;) {
      const waiting = this.#waiting.filter(({ grantedAt }) => grantedAt === null);
      const dead = waiting.find(({ isGone }) => isGone);
      if (dead !== undefined) throw new Error(`A waiter of ${this.#peer.name} ended: ${dead.said}`);
      if (this.#peer.countWaiting(this.#project, waiting) >= waiting.length) return;
      if (Date.now() > deadline) throw new Error(`A waiter of ${this.#peer.name} does not come to wait`);
      await sleep(looksEveryMs);
    }
  }

  /** @returns {Promise<{ member: Member, at: bigint }>} */
  #nextGrant() {
    const grants = this.#waiting.map(async (member) => ({ member, at: await member.granted }));
    return within(Promise.race(grants), `a grant of ${this.#peer.name}`);
  }

  #settle() {
    this.#holders = [...this.#holders, ...this.#waiting].filter(
      ({ grantedAt, isGone }) => grantedAt !== null && !isGone,
    );
    this.#waiting = this.#waiting.filter(({ grantedAt }) => grantedAt === null);
  }
}

/** One who takes a place in line: a process of the peer's, and what its command says. */
class Member {
  child;
  /** When its command began and ended, in nanoseconds since 1970; rejects when the process ends before. */
  granted;
  released;
  /** Its exit code; null when it was killed. */
  exited;
  grantedAt = null;
  isGone = false;
  /** What the peer writes to stderr. */
  said = "";
  #stamps = "";

  constructor(program, args) {
    // A group of its own, so that it can be killed with its command at once.
    const child = spawn(program, args, { env: cleanEnv, detached: true, stdio: "pipe" });
    this.child = track(child, true);
    child.stderr.on("data", (text) => (this.said += text));
    child.stdout.on("data", (text) => (this.#stamps += text));
    // Who was killed reads no more.
    child.stdin.on("error", () => undefined);
    this.exited = new Promise((resolve) => {
      child.once("error", (error) => (this.said += error.message));
      child.once("close", resolve);
    }).finally(() => (this.isGone = true));
    this.granted = this.#stamp(0);
    this.released = this.#stamp(1);
    this.granted.then((at) => (this.grantedAt = at)).catch(() => undefined);
    // Killed before it said so: awaited only by those who want to know.
    this.released.catch(() => undefined);
  }

  /** @returns {Promise<bigint>} */
  #stamp(index) {
    const { stdout } = this.child;
    return new Promise((resolve, reject) => {
      stdout.on("data", () => {
        const lines = this.#stamps.split("\n");
        if (index < lines.length - 1) resolve(BigInt(lines[index]));
      });
      this.child.once("close", (code, signal) => reject(new Error(`${code ?? signal} too early: ${this.said}`)));
    });
  }
}

/** @param {readonly Member[]} holders @returns {Promise<bigint>} when the last one's command ended */
async function releaseAll(holders) {
  for (const { child } of holders) child.stdin.end("\n");
  const ends = await within(Promise.all(holders.map(({ released }) => released)), "the holder to release");
  return ends.reduce((last, end) => (end > last ? end : last));
}

/** @param {readonly Member[]} holders @returns {bigint} when */
function killAll(holders) {
  const now = nextMillisecond();
  for (const { child } of holders) kill(child);
  return now;
}

/** The time in nanoseconds, exact to some microseconds: Node's clock says no more than that a millisecond begins. */
function nextMillisecond() {
  const before = Date.now();
  let now = before;
  while (now === before) now = Date.now();
  return BigInt(now) * 1_000_000n;
}

async function within(promise, what) {
  const waited = new AbortController();
  const tooLate = sleep(patienceMs, null, { signal: waited.signal }).then(() => {
    throw new Error(`Waited ${patienceMs / 1000} s for ${what}`);
  });
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    waited.abort();
    tooLate.catch(() => undefined);
  }
}
