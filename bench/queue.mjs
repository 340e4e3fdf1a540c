/**
 * The queue against its peers: how fast the lock passes on when its holder is done (`handover`) or killed (`crash`), and
 * whether it passes on in order (`fairness`). `npm run bench -- handover crash fairness [--rounds N]`
 */
import { Line } from "./line.mjs";
import { percentile } from "./measure.mjs";
import { peers } from "./peers.mjs";
import { withProject } from "./project.mjs";

/** Not counted: the first ones find cold files. */
const warmUp = 2;

/** @type {import("./report.mjs").Benchmark} */
export async function handover({ rounds = 200 } = {}) {
  const rows = await compete({ how: "release", watches: true, waiters: 8, rounds: () => rounds });
  const [base] = rows;
  for (const row of rows) row.from_release_ratio = ratioOf(row, base, "from_release_p50_ms");
  const { from_release_ratio: measured } = rows.find(({ name }) => name === "holdfast");
  const check = { what: "holdfast p50 from the release as a ratio to flock", measured, atMost: 2 };
  return { rows, checks: [check], chart: "p50_ms" };
}

/** @type {import("./report.mjs").Benchmark} */
export async function crash({ rounds = 50 } = {}) {
  // A waiter that polls needs more than ten seconds for each; some tell enough.
  const rows = await compete({
    how: "kill",
    waiters: 8,
    rounds: ({ polls }) => (polls ? Math.min(rounds, 5) : rounds),
  });
  return {
    rows,
    checks: [ratioCheck(rows, "flock", 2), ratioCheck(rows, "proper-lockfile", 1 / 100)],
    chart: "p50_ms",
  };
}

/** @type {import("./report.mjs").Benchmark} */
export async function fairness({ rounds = 50 } = {}) {
  const waiters = 16;
  const rows = await compete({ how: "release", waiters, rounds: () => waiters * rounds });
  const { passed_older: measured = null } = rows.find(({ name }) => name === "holdfast");
  const check = { what: "grants of holdfast that pass an older waiter", measured, atMost: 0 };
  return { rows, checks: [check], chart: "passed_older" };
}

/** Runs the peers side by side, in turn; after them, one by one, those that would disturb them, or only are a measure. */
async function compete(contest) {
  const rows = [];
  const present = [];
  for (const peer of peers) {
    const row = { name: peer.name };
    rows.push(row);
    try {
      row.version = peer.version();
      present.push({ peer, row });
    } catch (error) {
      row.skipped = `SKIPPED: ${error.message}`;
      console.error(`${peer.name} is not here and was SKIPPED: ${error.message}`);
    }
  }
  await takeTurns(
    present.filter(({ peer }) => !peer.apart),
    contest,
  );
  for (const each of present.filter(({ peer }) => peer.apart)) await takeTurns([each], contest);
  const [base] = rows;
  for (const row of rows) row.ratio = ratioOf(row, base);
  return rows;
}

function takeTurns(contestants, { how, watches = false, waiters, rounds }) {
  return withProject(async (project) => {
    const runs = contestants.map(({ peer, row }) => {
      return { row, line: new Line(peer, project, waiters, watches), grantsWanted: rounds(peer) + warmUp, grants: [] };
    });
    try {
      const most = Math.max(0, ...runs.map(({ grantsWanted }) => grantsWanted));
      for (let turn = 0; turn < most; turn += 1) {
        for (const { line, grants, grantsWanted } of runs) {
          if (turn < grantsWanted) grants.push(await line.next(how));
        }
      }
    } finally {
      await Promise.all(runs.map(({ line }) => line.end()));
    }
    for (const { row, grants } of runs) Object.assign(row, summaryOf(grants.slice(warmUp)));
  });
}

function summaryOf(grants) {
  const times = grants.map(({ elapsedMs }) => elapsedMs);
  const sinceRelease = grants.flatMap(({ sinceReleaseMs }) => sinceReleaseMs ?? []);
  return {
    grants: grants.length,
    best_ms: percentile(times, 0),
    p50_ms: percentile(times, 0.5),
    p99_ms: percentile(times, 0.99),
    passed_older: grants.filter(({ passed }) => passed).length,
    held_by_two: grants.filter(({ doubled }) => doubled > 0).length,
    ...(sinceRelease.length === grants.length ? { from_release_p50_ms: percentile(sinceRelease, 0.5) } : {}),
  };
}

function ratioOf(row, other, column = "p50_ms") {
  return row?.[column] === undefined || other?.[column] === undefined ? null : row[column] / other[column];
}

function ratioCheck(rows, other, atMost) {
  const named = (name) => rows.find((row) => row.name === name);
  return { what: `holdfast p50 as a ratio to ${other}`, measured: ratioOf(named("holdfast"), named(other)), atMost };
}
