/**
 * Runs the benchmarks: `npm run bench [-- NAME] [--rounds N]`. Exits with 1 when a figure is not reached.
 */
import os from "node:os";
import { parseArgs } from "node:util";
import { startup } from "./startup.mjs";

const benchmarks = { startup };

const { values, positionals } = parseArgs({ allowPositionals: true, options: { rounds: { type: "string" } } });
const chosen = positionals.length > 0 ? positionals : Object.keys(benchmarks);
const cpu = os.cpus()[0]?.model ?? "unknown CPU";
console.log(`Node ${process.version}, ${os.type()} ${os.release()}, ${os.availableParallelism()} x ${cpu}\n`);

let missed = 0;
for (const name of chosen) {
  const benchmark = benchmarks[name];
  if (benchmark === undefined) throw new Error(`No benchmark ${name}; there are ${Object.keys(benchmarks).join(", ")}`);
  console.log(`${name}\n`);
  for (const row of await benchmark(values.rounds === undefined ? {} : { rounds: Number(values.rounds) })) {
    const isMissed = row.limit !== null && row.bestRatio > row.limit;
    if (isMissed) missed += 1;
    const figures = `${row.median.toFixed(1)} ms  ${row.ratio.toFixed(2)}x   best ${row.best.toFixed(1)} ms  ${row.bestRatio.toFixed(2)}x`;
    const verdict = row.limit === null ? "" : `   at most ${row.limit}x${isMissed ? "  MISSED" : ""}`;
    console.log(`  ${row.name.padEnd(14)}${figures}${verdict}`);
  }
}
process.exitCode = missed > 0 ? 1 : 0;
