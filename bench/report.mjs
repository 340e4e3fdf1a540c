/** What the benchmarks found, for people. */

/**
 * @typedef {object} Check a figure that is to be reached
 * @property {string} what
 * @property {number | null} measured null when there was nobody to compare with
 * @property {number} atMost
 */

/**
 * @typedef {object} Findings
 * @property {ReadonlyArray<Record<string, string | number | null>>} rows side by side; `_ms` in a name is milliseconds, `ratio` a ratio
 * @property {readonly Check[]} checks
 */

/** @typedef {(options: { rounds?: number }) => Promise<Findings>} Benchmark */

/** @param {Check} check */
export function isMissed({ measured, atMost }) {
  return measured !== null && measured > atMost;
}

/** @param {Findings} findings */
export function textOf({ rows, checks }) {
  const columns = [...new Set(rows.toSorted(byFigures).flatMap((row) => Object.keys(row)))];
  const table = [columns, ...rows.map((row) => columns.map((column) => format(column, row[column])))];
  const widths = columns.map((_, column) => Math.max(...table.map((cells) => cells[column].length)));
  const lines = table.map((cells) => cells.map((cell, column) => pad(cell, column, widths[column])).join("  "));
  const verdicts = checks.map((check) => `${check.what}: ${verdictOn(check)}`);
  return [...lines, "", ...verdicts].map((line) => `  ${line}`.trimEnd()).join("\n");
}

/** The fullest row tells the order of the columns. */
function byFigures(a, b) {
  return Object.keys(b).length - Object.keys(a).length;
}

/** Names to the left, numbers to the right. */
function pad(cell, column, width) {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}

function verdictOn(check) {
  if (check.measured === null) return `NOT MEASURED, at most ${check.atMost}`;
  return `${Number(check.measured.toPrecision(3))}, at most ${check.atMost}${isMissed(check) ? "  MISSED" : ""}`;
}

function format(column, value) {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  if (column.endsWith("_ms")) return value.toFixed(value < 100 ? 2 : 0);
  return column.endsWith("ratio") ? `${value.toFixed(2)}x` : String(value);
}
