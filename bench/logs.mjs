/**
 * What a long history costs: the end of a log of a gigabyte beside that of a small one (`logs`), and figures from a
 * million events (`stats`). `npm run bench -- logs stats [--rounds N]`
 */
import { closeSync, openSync, writeSync } from "node:fs";
import path from "node:path";
import { writeEventLog } from "./event-log.mjs";
import { compare } from "./measure.mjs";
import { fromDebian, presentOf } from "./programs.mjs";
import { callNow, cleanEnv as env, holdfast, withProject } from "./project.mjs";

const gigabyte = 1_000_000_000;
const small = 100_000;

/** @type {import("./report.mjs").Benchmark} */
export function logs({ rounds = 20 } = {}) {
  return withProject((little) =>
    withProject(async (large) => {
      const files = new Map();
      for (const [project, bytes] of [
        [little, small],
        [large, gigabyte],
      ]) {
        const output = startWithOutput(project, bytes);
        files.set(project, { output, events: writeEventLog(project, { bytes }).file });
      }
      const tail = (project, what) => ({ command: ["tail", "-n", "20", files.get(project)[what]], env });
      const results = await compare(
        [
          { name: "holdfast logs, 100 kB", command: holdfast(little, "logs"), env },
          { name: "holdfast logs, 1 GB", command: holdfast(large, "logs"), env },
          { name: "tail, 1 GB", ...tail(large, "events") },
          { name: "holdfast logs -o, 100 kB", command: holdfast(little, "logs", "-o"), env },
          { name: "holdfast logs -o, 1 GB", command: holdfast(large, "logs", "-o"), env },
          { name: "tail, 1 GB of output", ...tail(large, "output") },
        ],
        { rounds },
      );
      const fastest = (name) => results.find((result) => result.name === name).best;
      const checks = ["logs", "logs -o"].map((command) => ({
        what: `fastest \`${command}\` of 1 GB to 100 kB`,
        measured: fastest(`holdfast ${command}, 1 GB`) / fastest(`holdfast ${command}, 100 kB`),
        atMost: 1.2,
      }));
      const rows = results.map(({ name, median, best, bestRatio }) => {
        return { name, median_ms: median, fastest_ms: best, fastest_ratio: bestRatio };
      });
      return { rows, checks, chart: "median_ms" };
    }),
  );
}

/** Starts an agent that has written so much. @returns {string} the file with its output */
function startWithOutput(project, bytes) {
  const start = holdfast(project, "start", "engine", "--json", "--max-output", "none", "--", "sleep", "1000");
  const { session } = JSON.parse(callNow(start));
  const file = path.join(project, ".holdfast/sessions", session.uid, "output.log");
  const descriptor = openSync(file, "a");
  const lines = Array.from(
    { length: 10_000 },
    (_, index) => `[engine] order ${index} filled at ${index * 7919} in 3 ms`,
  );
  const piece = `${lines.join("\n")}\n`;
  for (let written = 0; written < bytes; written += piece.length) {
    writeSync(descriptor, piece.slice(0, bytes - written));
  }
  closeSync(descriptor);
  return file;
}

const question = `[inputs | select(.event == "ended")] | {count: length, seconds: (map(.duration_seconds) | add / length)}`;

/** @type {import("./report.mjs").Benchmark} */
export function stats({ rounds = 5 } = {}) {
  return withProject(async (project) => {
    const { file, events, bytes } = writeEventLog(project, { events: 1_000_000 });
    const { present, skipped } = presentOf({ jq: () => fromDebian("jq") });
    const results = await compare(
      [
        { name: "holdfast stats", command: holdfast(project, "stats", "--days", "3660"), env },
        { name: "grep -c ended", command: ["grep", "-c", '"event":"ended"', file], env },
        ...present.map(({ command, version }) => ({
          name: "jq",
          version,
          command: [...command, "-n", question, file],
          env,
        })),
      ],
      { rounds, warmUp: 1 },
    );
    const speed = (ms) => bytes / 1e6 / (ms / 1000);
    const rows = results.map(({ name, version, median, best }) => {
      return { name, version, events, log_bytes: bytes, median_ms: median, fastest_ms: best, mb_a_second: speed(best) };
    });
    const [{ mb_a_second: measured }] = rows;
    const checks = [{ what: "`stats`, fastest, MB a second", measured, atLeast: 100 }];
    return { rows: [...rows, ...skipped], checks, chart: "mb_a_second" };
  });
}
