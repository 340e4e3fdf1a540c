/**
 * Measures whole commands, cold, side by side: every round runs each of them once, in turn, so that a busy moment of the
 * machine falls on all alike. Results are ratios to the first one.
 */
import { spawn } from "node:child_process";
import { track } from "./project.mjs";

/**
 * @typedef {object} Contestant
 * @property {string} name
 * @property {readonly [string, ...string[]]} command
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env]
 * @property {string} [version] of a peer
 * @property {readonly number[]} [codes] what it may exit with; 0 when absent
 * @property {() => Promise<void>} [before] not measured
 * @property {() => Promise<void>} [after] not measured
 */

/** Runs a command to its end. @returns {Promise<number>} milliseconds */
export function timeOf({ command: [program, ...args], cwd, env, codes = [0] }) {
  return new Promise((resolve, reject) => {
    const begin = performance.now();
    const child = track(spawn(program, args, { cwd, env, stdio: ["ignore", "ignore", "pipe"] }));
    let said = "";
    child.stderr.on("data", (text) => (said += text));
    child.once("error", reject);
    child.once("exit", (code) => {
      const elapsed = performance.now() - begin;
      if (codes.includes(code)) resolve(elapsed);
      else reject(new Error(`${program} ${args.join(" ")} exited with ${code}: ${said}`));
    });
  });
}

/** The value that a share of the others stays below: 0.5 is the median. */
export function percentile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/**
 * @param {readonly Contestant[]} contestants the first is what the others are compared with
 * @returns {Promise<Array<{name: string, version?: string, median: number, best: number, ratio: number, bestRatio: number}>>} milliseconds;
 *   `ratio` of the medians, `bestRatio` of the fastest runs, which a noisy machine disturbs least
 */
export async function compare(contestants, { rounds, warmUp = 3 }) {
  const times = new Map(contestants.map(({ name }) => [name, []]));
  for (let round = -warmUp; round < rounds; round += 1) {
    for (const contestant of contestants) {
      await contestant.before?.();
      const time = await timeOf(contestant);
      await contestant.after?.();
      if (round >= 0) times.get(contestant.name).push(time);
    }
  }
  const results = contestants.map(({ name, version }) => {
    const measured = times.get(name);
    return { name, version, median: percentile(measured, 0.5), best: percentile(measured, 0) };
  });
  const [base] = results;
  for (const result of results) {
    result.ratio = result.median / base.median;
    result.bestRatio = result.best / base.best;
  }
  return results;
}
