/** What the benchmarks found, as tables for people: on a terminal, and in Markdown. */

/**
 * @typedef {object} Check a figure that is to be reached
 * @property {string} what
 * @property {number | null} measured null when there was nobody to compare with
 * @property {number} [atMost]
 * @property {number} [atLeast]
 */

/**
 * @typedef {object} Findings
 * @property {ReadonlyArray<Record<string, string | number | null>>} rows side by side; the end of a name tells the unit:
 *   `_ms`, `_bytes`, `_percent`, `ratio`
 * @property {readonly Check[]} checks
 * @property {string} [chart] which column is drawn
 */

/** @typedef {(options: { rounds?: number }) => Promise<Findings>} Benchmark */

/** @param {Check} check */
export function isMissed({ measured, atMost = Infinity, atLeast = -Infinity }) {
  return measured !== null && (measured > atMost || measured < atLeast);
}

/** @param {Findings} findings */
export function textOf({ rows, checks }) {
  const table = cellsOf(rows);
  const lines = padded(table).map((cells) => cells.join("  "));
  const verdicts = checks.map((check) => `${check.what}: ${verdictOn(check)}${isMissed(check) ? "  MISSED" : ""}`);
  return [...lines, "", ...verdicts].map((line) => `  ${line}`.trimEnd()).join("\n");
}

/** @param {Findings} findings @returns {string} as oxfmt would format it */
export function markdownOf({ rows, checks }) {
  const [heads, ...body] = cellsOf(rows.map((row) => ({ ...row, name: `\`${row.name}\`` })));
  const table = padded([heads, heads.map(() => "---"), ...body], "left");
  table[1] = table[1].map((cell) => "-".repeat(cell.length));
  const lines = table.map((cells) => `| ${cells.join(" | ")} |`);
  const verdicts = checks.map(
    (check) => `- ${check.what}: ${verdictOn(check)}${isMissed(check) ? ", **missed**" : ""}`,
  );
  return [...lines, ...(verdicts.length === 0 ? [] : ["", ...verdicts])].join("\n");
}

/** A number as a person reads it, by what its column counts. */
export function cellText(column, value) {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  if (column.endsWith("_ms")) return value < 1000 ? `${threeDigits(value)} ms` : `${threeDigits(value / 1000)} s`;
  if (column.endsWith("_bytes")) return `${threeDigits(value / 1e6)} MB`;
  if (column.endsWith("_percent")) return `${value.toPrecision(2)} %`;
  if (column.endsWith("ratio")) return value.toFixed(2);
  return Number.isInteger(value) ? String(value) : threeDigits(value);
}

/** `p50_ms` is `p50`: the unit stands with each number. */
export function headText(column) {
  if (column === "name") return "";
  return column.replace(/_(?:ms|bytes|percent)$/, "").replaceAll("_", " ");
}

function cellsOf(rows) {
  const columns = [...new Set(rows.toSorted(byFigures).flatMap((row) => Object.keys(row)))];
  const used = columns.filter((column) => rows.some((row) => row[column] !== undefined && row[column] !== null));
  return [used.map(headText), ...rows.map((row) => used.map((column) => cellText(column, row[column])))];
}

/** The fullest row tells the order of the columns. */
function byFigures(a, b) {
  return Object.keys(b).length - Object.keys(a).length;
}

/** Names to the left; numbers to the right, where it matters. */
function padded(table, numbers = "right") {
  const widths = table[0].map((_, column) => Math.max(...table.map((cells) => cells[column].length)));
  return table.map((cells) =>
    cells.map((cell, column) => {
      return column === 0 || numbers === "left" ? cell.padEnd(widths[column]) : cell.padStart(widths[column]);
    }),
  );
}

function verdictOn({ measured, atMost, atLeast }) {
  const limit = atMost === undefined ? `at least ${limitText(atLeast)}` : `at most ${limitText(atMost)}`;
  return measured === null ? `not measured, ${limit}` : `${threeDigits(measured)}, ${limit}`;
}

/** A third is a third, and a tenth is 0.1. */
function limitText(limit) {
  return String(limit).length > 6 ? `1/${Math.round(1 / limit)}` : String(limit);
}

function threeDigits(number) {
  return Math.abs(number) >= 100 ? number.toFixed(0) : number.toPrecision(3);
}
