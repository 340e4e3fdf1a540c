/**
 * Runs the benchmarks: `npm run bench [-- NAME…] [--from NAME] [--rounds N] [--result FILE] [--write]`. The findings go to
 * stdout as tables and to a file as JSON, with `--write` also into docs/benchmarks.md, after each benchmark, so that what
 * is broken off goes on with `--from`. `--render` writes the page anew and measures nothing. Exits with 1 when a figure is
 * not reached, or a benchmark failed.
 */
import { readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { run, start, status } from "./commands.mjs";
import { crowd } from "./crowd.mjs";
import { idle } from "./idle.mjs";
import { logs, stats } from "./logs.mjs";
import { output } from "./output.mjs";
import { installation } from "./package.mjs";
import { crash, fairness, handover } from "./queue.mjs";
import { isMissed, textOf } from "./report.mjs";
import { keep, render, writeJson } from "./results.mjs";

const benchmarks = {
  status,
  run,
  start,
  handover,
  crash,
  fairness,
  idle,
  logs,
  output,
  stats,
  crowd,
  package: installation,
};
/** Several that belong together, under one name. */
const groups = { startup: ["status", "run", "start"] };

const usage = `npm run bench -- [NAME…] [options]

  NAME           one of ${[...Object.keys(benchmarks), ...Object.keys(groups)].join(", ")}; all if none is given
  --from NAME    only this one and those behind it
  --rounds N     how often each thing is measured; as often as the benchmark says if not given
  --result FILE  where the findings go, as JSON; a new file among the temporary ones if not given
  --write        put them into docs/benchmarks.md, too
  --render       write that page anew, and measure nothing
  --help         print this`;

const { values, positionals } = understand({
  allowPositionals: true,
  options: {
    help: { type: "boolean", short: "h", default: false },
    from: { type: "string" },
    rounds: { type: "string" },
    result: { type: "string" },
    write: { type: "boolean", default: false },
    render: { type: "boolean", default: false },
  },
});
const rounds = roundsOf(values.rounds);
if (values.help) console.log(usage);
else if (values.render) render();
else await runAll(chosenOf(positionals, values.from));

/** @type {typeof parseArgs} */
function understand(config) {
  try {
    return parseArgs(config);
  } catch (error) {
    return misused(error.message);
  }
}

/** @returns {never} */
function misused(message) {
  console.error(`${message}\n\n${usage}`);
  process.exit(1);
}

async function runAll(names) {
  const machine = machineOf();
  const { node, system, cpu } = machine;
  console.log(`Node ${node}, ${system}, ${cpu}`);
  const begun = new Date().toISOString();
  const results = { schema_version: 1, measured_at: begun, machine, benchmarks: {} };
  const file = path.resolve(
    values.result ?? path.join(os.tmpdir(), `holdfast-bench-${begun.replaceAll(/[-:]|\.\d+/g, "")}.json`),
  );
  for (const name of names) {
    console.log(`\n${name}\n`);
    try {
      const result = await measure(name);
      results.benchmarks[name] = result;
      writeJson(file, results);
      if (values.write) keep(name, result);
      if (result.checks.some(({ missed }) => missed)) process.exitCode = 1;
    } catch (error) {
      console.error(`${name} FAILED, the others go on: ${error.stack}`);
      process.exitCode = 1;
    }
  }
  console.log(`\n${file}`);
}

/** @returns {Promise<import("./results.mjs").Result>} */
async function measure(name) {
  const [begun, machine] = [new Date().toISOString(), machineOf()];
  const findings = await benchmarks[name](rounds === null ? {} : { rounds });
  console.log(textOf(findings));
  const checks = findings.checks.map((check) => {
    const { what, measured, atMost, atLeast } = check;
    return { what, measured, at_most: atMost, at_least: atLeast, missed: isMissed(check) };
  });
  return { measured_at: begun, machine, rounds, rows: findings.rows, checks, chart: findings.chart ?? null };
}

function machineOf() {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return {
    holdfast: version,
    node: process.version.slice(1),
    system: `${os.type()} ${os.release().split(".").slice(0, 2).join(".")}`,
    cpu: `${os.availableParallelism()} cores of ${os.cpus()[0]?.model ?? "an unknown CPU"}`,
    load: Math.round((os.loadavg()[0] ?? 0) * 10) / 10,
  };
}

function chosenOf(names, from) {
  const all = Object.keys(benchmarks);
  const chosen =
    names.length === 0 ? all : names.flatMap((name) => (Object.hasOwn(groups, name) ? groups[name] : [name]));
  for (const name of chosen) if (!all.includes(name)) misused(`No benchmark ${name}`);
  if (from === undefined) return chosen;
  if (!chosen.includes(from)) misused(`--from: ${from} is none of ${chosen.join(", ")}`);
  return chosen.slice(chosen.indexOf(from));
}

function roundsOf(text) {
  if (text === undefined) return null;
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  return misused("--rounds: expected a number from 1");
}
