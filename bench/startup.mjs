/**
 * What a command costs before it does anything: each against `node -e 0` of the same binary.
 * `npm run bench -- startup [--rounds N]`
 */
import { compare, timeOf } from "./measure.mjs";
import { cleanEnv as env, holdfast, withProject } from "./project.mjs";

/** The most each may take, as a ratio to bare Node (docs/benchmarks.md tells where the time goes). */
const limits = { "--version": 1.25, status: 1.35, "run -- true": 1.5, start: 2.6 };

/** @type {import("./report.mjs").Benchmark} */
export function startup({ rounds = 40 } = {}) {
  return withProject(async (project) => {
    const at = (...args) => ({ command: holdfast(project, ...args), env });
    const results = await compare(
      [
        { name: "node -e 0", command: [process.execPath, "-e", "0"], env },
        { name: "--version", ...at("--version") },
        { name: "status", ...at("status") },
        { name: "run -- true", ...at("run", "--", "true") },
        {
          name: "start",
          ...at("start", "bench", "--", "sleep", "1000"),
          after: async () => void (await timeOf(at("stop", "bench"))),
        },
      ],
      { rounds },
    );
    const rows = results.map(({ name, median, ratio, best, bestRatio }) => {
      return { name, median_ms: median, ratio, best_ms: best, best_ratio: bestRatio };
    });
    // The fastest runs are what a noisy machine disturbs least.
    const checks = results
      .filter(({ name }) => name in limits)
      .map(({ name, bestRatio }) => ({
        what: `${name}, ratio of the best`,
        measured: bestRatio,
        atMost: limits[name],
      }));
    return { rows, checks };
  });
}
