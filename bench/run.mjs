/**
 * Runs the benchmarks: `npm run bench [-- NAME…] [--rounds N] [--result FILE]`. The findings go to stdout as a table and
 * to a file as JSON. Exits with 1 when a figure is not reached.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { crash, fairness, handover } from "./queue.mjs";
import { isMissed, textOf } from "./report.mjs";
import { startup } from "./startup.mjs";

const benchmarks = { startup, handover, crash, fairness };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string" }, result: { type: "string" } },
});
const chosen = positionals.length > 0 ? positionals : Object.keys(benchmarks);
for (const name of chosen) {
  if (!(name in benchmarks)) throw new Error(`No benchmark ${name}; there are ${Object.keys(benchmarks).join(", ")}`);
}
const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0))
  throw new Error("--rounds: expected a number from 1");

const machine = {
  node: process.version,
  system: `${os.type()} ${os.release()}`,
  cpu: `${os.availableParallelism()} x ${os.cpus()[0]?.model ?? "unknown CPU"}`,
};
console.log(`Node ${machine.node}, ${machine.system}, ${machine.cpu}`);

const result = { schema_version: 1, measured_at: new Date().toISOString(), machine, benchmarks: {} };
for (const name of chosen) {
  console.log(`\n${name}\n`);
  const findings = await benchmarks[name](rounds === undefined ? {} : { rounds });
  console.log(textOf(findings));
  result.benchmarks[name] = {
    rows: findings.rows,
    checks: findings.checks.map((check) => ({
      what: check.what,
      measured: check.measured,
      at_most: check.atMost,
      missed: isMissed(check),
    })),
  };
  if (findings.checks.some(isMissed)) process.exitCode = 1;
}

const stamp = result.measured_at.replaceAll(/[-:]|\.\d+/g, "");
const file = path.resolve(values.result ?? path.join(os.tmpdir(), `holdfast-bench-${stamp}.json`));
mkdirSync(path.dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
console.log(`\n${file}`);
