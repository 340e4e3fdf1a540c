/**
 * `status` on a machine where much runs: beside 2,000 sleeping processes that were there before its session, and beside
 * as many that came later. Those could belong to it, so it has to look at the environment of each.
 * `npm run bench -- crowd [--rounds N]`
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { compare } from "./measure.mjs";
import { callNow, cleanEnv as env, holdfast, kill, track, withProject } from "./project.mjs";

const crowdSize = 2000;

/** @type {import("./report.mjs").Benchmark} */
export function crowd({ rounds = 20 } = {}) {
  return withProject(async (project) => {
    const contestants = [
      { name: "holdfast status", command: holdfast(project, "status"), env },
      { name: "ps -ef", command: ["ps", "-ef"], env },
    ];
    const session = {
      start: () => callNow(holdfast(project, "start", "bench", "--", "sleep", "1000")),
      stop: () => callNow(holdfast(project, "stop", "bench")),
    };
    // Half of the idle rounds before and half after, so that a machine that gets slower is not blamed on the crowd.
    const half = Math.ceil(rounds / 2);
    session.start();
    const before = await compare(contestants, { rounds: half });
    const sleepers = await Promise.all(Array.from({ length: crowdSize }, startSleeper));
    const younger = await compare(contestants, { rounds });
    session.stop();
    session.start();
    const older = await compare(contestants, { rounds });
    await Promise.all(sleepers.map(endSleeper));
    const after = await compare(contestants, { rounds: half });
    const rows = contestants.map(({ name }, index) => {
      const idle = Math.min(before[index].best, after[index].best);
      return {
        name,
        idle_machine_ms: idle,
        "2,000_older_ms": older[index].best,
        more_for_older_ms: older[index].best - idle,
        "2,000_younger_ms": younger[index].best,
        more_for_younger_ms: younger[index].best - idle,
      };
    });
    const check = (key, what) => ({
      what: `what 2,000 processes ${what} add to \`status\`, ms`,
      measured: rows[0][key],
      atMost: 60,
    });
    return {
      rows,
      checks: [
        check("more_for_older_ms", "from before its session"),
        check("more_for_younger_ms", "from after its start"),
      ],
      chart: "more_for_older_ms",
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
