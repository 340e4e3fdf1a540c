/**
 * What it costs an agent to write 1 GB of output, against the same command with `>file`. Measured is the writing alone:
 * the command tells when it begins and ends. `npm run bench -- output [--rounds N]`
 */
import { spawn, spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { percentile, timeOf } from "./measure.mjs";
import { cleanEnv as env, holdfast, track, withProject } from "./project.mjs";

/** The most the output's way may take, as a ratio to a plain file. */
const limit = 1.05;
const control = "start --max-output none";
/** The end comes a moment later: an agent that is done in no time has failed to start. */
const writing = ["sh", "-c", "date +%s%N >begin; head -c 1073741824 /dev/zero; date +%s%N >end; sleep 0.3"];

/** @type {import("./report.mjs").Benchmark} */
export function output({ rounds = 10 } = {}) {
  return withProject(async (project) => {
    const call = (...args) => timeOf({ command: holdfast(project, ...args), env, cwd: project });
    const underLock = async (...options) => {
      await call("start", "bench", ...options, "--", ...writing);
      await call("wait", "bench");
      await call("cleanup", "--ended", "0");
    };
    const contestants = [
      { name: ">file", run: () => toFile(project) },
      { name: "start", run: () => underLock() },
      { name: "start --max-output 1MB", run: () => underLock("--max-output", "1MB") },
      // Differs from the first by nothing but the noise of the machine.
      { name: control, run: () => underLock("--max-output", "none") },
    ];
    const times = new Map(contestants.map(({ name }) => [name, []]));
    for (let round = -1; round < rounds; round += 1) {
      for (const { name, run } of contestants) {
        touchMemory(project);
        await run();
        if (round >= 0) times.get(name).push(writingTime(project));
      }
    }
    const figures = contestants.map(({ name }) => {
      return { name, median: percentile(times.get(name), 0.5), best: percentile(times.get(name), 0) };
    });
    const [base] = figures;
    const rows = figures.map(({ name, median, best }) => ({
      name,
      median_ms: median,
      ratio: median / base.median,
      fastest_ms: best,
      fastest_ratio: best / base.best,
    }));
    // The fastest runs are what a noisy machine disturbs least.
    const checks = rows
      .slice(1)
      .filter(({ name }) => name !== control)
      .map(({ name, fastest_ratio: measured }) => ({
        what: `fastest \`${name}\` to \`>file\``,
        measured,
        atMost: limit,
      }));
    return { rows, checks, chart: "fastest_ratio" };
  });
}

/** So that each finds the same: a virtual machine's memory that lay idle is slow to be had. */
function touchMemory(project) {
  spawnSync("sh", ["-c", "head -c 1073741824 /dev/zero >memory; rm memory"], { cwd: project });
}

/** Runs the command as a shell does with `>file`. */
async function toFile(project) {
  const file = path.join(project, "file");
  const [program, ...args] = writing;
  const descriptor = openSync(file, "w");
  const child = track(spawn(program, args, { cwd: project, env, stdio: ["ignore", descriptor, "ignore"] }));
  closeSync(descriptor);
  await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  rmSync(file);
}

/** How long the command wrote, by its own clock. @returns {number} milliseconds */
function writingTime(project) {
  const at = (name) => BigInt(readFileSync(path.join(project, name), "utf8").trim());
  return Number(at("end") - at("begin")) / 1e6;
}
