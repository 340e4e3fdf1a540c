/**
 * `status` on a machine where much runs: with 2,000 sleeping processes beside an idle machine.
 * `npm run bench -- crowd [--rounds N]`
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { compare } from "./measure.mjs";
import { callNow, cleanEnv as env, holdfast, kill, track, withProject } from "./project.mjs";

const crowdSize = 2000;

/** @type {import("./report.mjs").Benchmark} */
export function crowd({ rounds = 20 } = {}) {
  return withProject(async (project) => {
    callNow(holdfast(project, "start", "bench", "--", "sleep", "1000"));
    const contestants = [
      { name: "holdfast status", command: holdfast(project, "status"), env },
      { name: "ps -ef", command: ["ps", "-ef"], env },
    ];
    // One half of the idle rounds before and one after, so that a machine that gets slower is not blamed on the crowd.
    const half = Math.ceil(rounds / 2);
    const processes = { before: countProcesses() };
    const before = await compare(contestants, { rounds: half });
    const sleepers = await Promise.all(Array.from({ length: crowdSize }, startSleeper));
    processes.crowded = countProcesses();
    const crowded = await compare(contestants, { rounds });
    await Promise.all(sleepers.map(endSleeper));
    const after = await compare(contestants, { rounds: half });
    const rows = contestants.map(({ name }, index) => {
      const idle = before[index].best < after[index].best ? before[index] : after[index];
      return {
        name,
        idle_processes: processes.before,
        idle_fastest_ms: idle.best,
        crowded_processes: processes.crowded,
        crowded_fastest_ms: crowded[index].best,
        more_ms: crowded[index].best - idle.best,
      };
    });
    const [{ more_ms: measured }] = rows;
    return {
      rows,
      checks: [{ what: "what 2,000 processes add to `status`, ms", measured, atMost: 60 }],
      chart: "more_ms",
    };
  });
}

async function startSleeper() {
  const child = track(spawn("sleep", ["1000"], { stdio: "ignore" }));
  await once(child, "spawn");
  return child;
}

async function endSleeper(child) {
  const exited = once(child, "exit");
  kill(child);
  await exited;
}

function countProcesses() {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).length;
}
