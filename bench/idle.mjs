/**
 * What it costs to have agents watched that do nothing: private memory and CPU of whoever watches them, with one agent
 * and with ten. `npm run bench -- idle [--rounds N]`: N minutes. Linux only.
 */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { openManagers } from "./managers.mjs";
import { timeOf } from "./measure.mjs";
import { callNow, cleanEnv as env, holdfast, withProject } from "./project.mjs";

const ids = Array.from({ length: 10 }, (_, index) => `bench-${index + 1}`);
const [first, ...others] = ids;
/** What a start leaves behind (a heap to be collected, compilers at work) is over by then. */
const settledAfterMs = 10_000;
const minuteMs = 60_000;

/** @type {import("./report.mjs").Benchmark} */
export function idle({ rounds: minutes = 1 } = {}) {
  return withProject(async (project) => {
    const { managers, skipped } = await openManagers(project, ids);
    const keepers = [];
    // A lock for each: they shall run at once.
    const keep = async (id) => void keepers.push(await startKept(project, id));
    for (const manager of managers) await timeOf({ command: manager.start(first), env: manager.env });
    await keep(first);
    const one = await watch([{ name: "holdfast", pids: keepers }, ...managers.map(asWatched)], 1, minutes);
    for (const id of others) {
      for (const manager of managers) await timeOf({ command: manager.start(id), env: manager.env });
      await keep(id);
    }
    const ten = await watch([{ name: "holdfast", pids: keepers }, ...managers.map(asWatched)], ids.length, minutes);
    const [{ private_dirty_bytes: bytes, cpu_percent: percent }] = one;
    return {
      rows: [...one, ...ten, ...skipped],
      checks: [
        { what: "private memory of a keeper, MB", measured: bytes / 1e6, atMost: 12 },
        { what: "CPU of a keeper, percent", measured: percent, atMost: 0.1 },
      ],
      chart: "private_dirty_bytes",
    };
  });
}

/** @returns {Promise<number>} the PID of its keeper */
async function startKept(project, id) {
  await timeOf({ command: holdfast(project, "start", id, "--lock", id, "--", "sleep", "1000"), env });
  return JSON.parse(callNow(holdfast(project, "status", "--lock", id, "--json"))).session.keeper_pid;
}

function asWatched({ name, version, pid }) {
  return { name, version, pids: [pid] };
}

async function watch(watched, agents, minutes) {
  await sleep(settledAfterMs);
  const before = watched.map(({ pids }) => sum(pids, cpuMs));
  const begin = performance.now();
  await sleep(minutes * minuteMs);
  const elapsedMs = performance.now() - begin;
  return watched.map(({ name, version, pids }, index) => {
    const usedMs = sum(pids, cpuMs) - before[index];
    return {
      name,
      version,
      agents,
      processes: pids.length,
      private_dirty_bytes: sum(pids, privateDirtyBytes),
      cpu_ms_a_minute: (usedMs / elapsedMs) * minuteMs,
      cpu_percent: (usedMs / elapsedMs) * 100,
    };
  });
}

function sum(pids, measure) {
  return pids.reduce((total, pid) => total + measure(pid), 0);
}

/** What it has run on a CPU so far, by the scheduler: /proc/PID/stat counts in ticks of 10 ms. */
function cpuMs(pid) {
  return sum(readdirSync(`/proc/${pid}/task`), (task) => {
    return Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]) / 1e6;
  });
}

/** proc_pid_smaps(5): memory that it wrote to, which it alone has. */
function privateDirtyBytes(pid) {
  const [, kilobytes] = /^Private_Dirty: +(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
  return Number(kilobytes) * 1024;
}
