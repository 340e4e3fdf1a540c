/**
 * The figures that the repository keeps, one set for each benchmark, and what docs/benchmarks.md shows of them: between
 * `<!-- bench:NAME -->` and `<!-- /bench:NAME -->` everything is written from here.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chartOf } from "./chart.mjs";
import { markdownOf } from "./report.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const latest = path.join(root, "bench/results/latest.json");
const page = path.join(root, "docs/benchmarks.md");
const charts = path.join(root, "docs/benchmarks");

/**
 * @typedef {object} Result what one benchmark found, when, where
 * @property {string} measured_at
 * @property {{ holdfast: string, node: string, system: string, cpu: string, load: number }} machine
 * @property {number | null} rounds null: as many as the benchmark thinks right
 * @property {import("./report.mjs").Findings["rows"]} rows
 * @property {Array<{ what: string, measured: number | null, at_most?: number, at_least?: number, missed: boolean }>} checks
 * @property {string | null} chart
 */

/** Keeps the results of a benchmark in the place of those before. @param {Result} result */
export function keep(name, result) {
  const kept = read();
  kept.benchmarks[name] = result;
  writeJson(latest, kept);
  render();
}

/** Writes the page's tables and charts anew, from what is kept. */
export function render() {
  const { benchmarks } = read();
  let text = readFileSync(page, "utf8");
  for (const [name, result] of Object.entries(benchmarks)) {
    const region = new RegExp(`(<!-- bench:${name} -->\n)[^]*?(\n<!-- /bench:${name} -->)`);
    if (!region.test(text))
      throw new Error(`${page} has no place for ${name}: <!-- bench:${name} --> … <!-- /bench:${name} -->`);
    text = text.replace(region, (_, begin, end) => `${begin}\n${sectionOf(name, result)}\n${end}`);
  }
  writeFileSync(page, text);
}

export function writeJson(file, value) {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}

function read() {
  return existsSync(latest) ? JSON.parse(readFileSync(latest, "utf8")) : { schema_version: 1, benchmarks: {} };
}

/** @param {Result} result */
function sectionOf(name, { measured_at: at, machine, rounds, rows, checks, chart }) {
  const { holdfast, node, system, cpu, load } = machine;
  const many = rounds === null ? "" : `, ${rounds} rounds`;
  const stamp = `${at.slice(0, 10)}, holdfast ${holdfast}, Node ${node}, ${system}, ${cpu}; load ${load}${many}.`;
  const table = markdownOf({
    rows,
    checks: checks.map((check) => ({
      what: check.what,
      measured: check.measured,
      atMost: check.at_most,
      atLeast: check.at_least,
    })),
  });
  const picture = chart === null ? null : chartOf(name, rows, chart);
  if (picture === null) return `${stamp}\n\n${table}`;
  mkdirSync(charts, { recursive: true });
  writeFileSync(path.join(charts, `${name}.svg`), picture);
  return `${stamp}\n\n![${name} as bars](benchmarks/${name}.svg)\n\n${table}`;
}
