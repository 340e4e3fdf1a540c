/**
 * What a command costs, cold: each as a ratio to `node -e 0` of the same binary, beside what peers have for it.
 * `npm run bench -- status run start [--rounds N]`
 */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { openManagers } from "./managers.mjs";
import { compare, timeOf } from "./measure.mjs";
import { fromDebian, presentOf } from "./programs.mjs";
import { atEnd, cleanEnv as env, holdfast, withProject } from "./project.mjs";

const bareNode = { name: "node -e 0", command: [process.execPath, "-e", "0"], env };

/** @type {import("./report.mjs").Benchmark} */
export function status({ rounds = 40 } = {}) {
  return withProject(async (project) => {
    const { managers, skipped } = await openManagers(project, ["bench"]);
    const { present, skipped: missing } = presentOf({ tsp: () => tsp(project), nq: () => nq(project) });
    const contestants = [
      bareNode,
      { name: "holdfast --version", command: holdfast(project, "--version"), env },
      { name: "holdfast status", command: holdfast(project, "status"), env },
      ...managers.map(({ name, version, env: own, status: command }) => {
        return { name: statusNames[name], version, env: own, command, codes: [0, 3] };
      }),
      ...present.map(({ version, env: own, statusName: name, status: command }) => ({
        name,
        version,
        env: own,
        command,
      })),
    ];
    const limits = { "holdfast --version": 1.25, "holdfast status": 1.35 };
    return findingsOf(await compare(contestants, { rounds }), [...skipped, ...missing], limits);
  });
}

/** By exit code 3 supervisorctl says, as others do, that something does not run. */
const statusNames = { pm2: "pm2 ls", supervisord: "supervisorctl status" };

/** @type {import("./report.mjs").Benchmark} */
export function run({ rounds = 40 } = {}) {
  return withProject(async (project) => {
    const { present, skipped } = presentOf({
      flock: () => flock(project),
      tsp: () => tsp(project),
      nq: () => nq(project),
    });
    const contestants = [
      bareNode,
      { name: "holdfast run -- true", command: holdfast(project, "run", "--", "true"), env },
      ...present.map(({ version, env: own, runName: name, runs: command }) => ({ name, version, env: own, command })),
    ];
    return findingsOf(await compare(contestants, { rounds }), skipped, { "holdfast run -- true": 1.5 });
  });
}

/** @type {import("./report.mjs").Benchmark} */
export function start({ rounds = 40 } = {}) {
  return withProject(async (project) => {
    const { managers, skipped } = await openManagers(project, ["bench"]);
    const contestants = [
      bareNode,
      {
        name: "holdfast start",
        command: holdfast(project, "start", "bench", "--", "sleep", "1000"),
        env,
        after: async () => void (await timeOf({ command: holdfast(project, "stop", "bench"), env })),
      },
      ...managers.map((manager) => ({
        name: startNames[manager.name],
        version: manager.version,
        command: manager.start("bench"),
        env: manager.env,
        after: async () => void (await timeOf({ command: manager.stop("bench"), env: manager.env })),
      })),
    ];
    const results = await compare(contestants, { rounds });
    const findings = findingsOf(results, skipped, { "holdfast start": 2.6 });
    const best = (name) => results.find((result) => result.name === name)?.best ?? null;
    const [ours, theirs] = [best("holdfast start"), best("pm2 start")];
    const measured = ours === null || theirs === null ? null : ours / theirs;
    return {
      ...findings,
      checks: [...findings.checks, { what: "fastest `holdfast start` to `pm2 start`", measured, atMost: 1 }],
    };
  });
}

const startNames = { pm2: "pm2 start", supervisord: "supervisorctl start" };

/** The fastest runs count, for they are what a noisy machine disturbs least. */
function findingsOf(results, skipped, limits) {
  const rows = results.map(({ name, version, median, ratio, best, bestRatio }) => {
    return { name, version, median_ms: median, ratio, fastest_ms: best, fastest_ratio: bestRatio };
  });
  const checks = results
    .filter(({ name }) => name in limits)
    .map(({ name, bestRatio }) => ({
      what: `fastest \`${name}\` to bare Node`,
      measured: bestRatio,
      atMost: limits[name],
    }));
  return { rows: [...rows, ...skipped], checks, chart: "median_ms" };
}

function flock(project) {
  const { command, version } = fromDebian("flock", "util-linux");
  return { version, env, runName: "flock FILE true", runs: [...command, path.join(project, "flock"), "true"] };
}

/** Jobs of task-spooler run under a server that its first call starts. */
function tsp(project) {
  const { command, version } = fromDebian("tsp", "task-spooler");
  const own = { ...env, TS_SOCKET: path.join(project, "tsp"), TMPDIR: project };
  const [program] = command;
  atEnd(project, () => spawnSync(program, ["-K"], { env: own }));
  spawnSync(program, ["-n", "true"], { env: own });
  return {
    version,
    env: own,
    statusName: "tsp",
    status: command,
    runName: "tsp -f true",
    runs: [...command, "-n", "-f", "true"],
  };
}

/** nq puts into the queue; a second call waits until all is done. */
function nq(project) {
  const { command, version } = fromDebian("nq");
  const own = { ...env, NQDIR: path.join(project, "nq") };
  const [program] = command;
  const runs = ["sh", "-c", `${program} -q true && ${program} -w`];
  return { version, env: own, statusName: "nq -t", status: [...command, "-t"], runName: "nq true; nq -w", runs };
}
