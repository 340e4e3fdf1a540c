/** Bars as SVG, readable on a light page and on a dark one, also where the page shows it as an image. */
import { cellText, headText } from "./report.mjs";

const width = 760;
const rowHeight = 26;
const nameWidth = 210;
const valueWidth = 90;
const top = 34;
const longestBar = width - nameWidth - valueWidth;
/** Above this the small ones could not be seen any more. */
const linearUpTo = 40;

/** Where nobody says whether the page is dark, the grey is one that can be read on both. */
const style = `
  text { font: 13px ui-sans-serif, system-ui, sans-serif; fill: #6e7781; }
  .title { font-weight: 600; }
  .bar { fill: #8c959f; }
  .ours { fill: #388bfd; }
  @media (prefers-color-scheme: light) {
    text { fill: #24292f; }
    .quiet { fill: #57606a; }
  }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .quiet { fill: #9198a1; }
  }
`;

/**
 * @param {string} title
 * @param {import("./report.mjs").Findings["rows"]} rows
 * @param {string} column which of their figures
 * @returns {string | null} null when there is nothing to draw
 */
export function chartOf(title, rows, column) {
  const bars = rows.filter((row) => Number.isFinite(row[column]) && row[column] >= 0);
  if (bars.length === 0) return null;
  const lengthOf = scaleOf(bars.map((row) => row[column]));
  const height = top + bars.length * rowHeight + 8;
  const isLogarithmic = lengthOf.isLogarithmic ? ", logarithmic" : "";
  const parts = bars.map((row, index) =>
    barOf(row, { column, length: lengthOf(row[column]), y: top + index * rowHeight }),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">
<title>${escape(title)}: ${escape(headText(column))}</title>
<style>${style}</style>
<text class="title" x="8" y="20">${escape(title)}<tspan class="quiet" dx="10">${escape(headText(column))}${isLogarithmic}</tspan></text>
${parts.join("\n")}
</svg>
`;
}

function barOf(row, { column, length, y }) {
  const kind = row.name.startsWith("holdfast") ? "bar ours" : "bar";
  const agents = row.agents === undefined ? "" : `, ${row.agents} agent${row.agents === 1 ? "" : "s"}`;
  const x = nameWidth + length + 6;
  return `<text x="8" y="${y + 17}">${escape(`${row.name}${agents}`)}</text>
<rect class="${kind}" x="${nameWidth}" y="${y + 4}" width="${length}" height="${rowHeight - 8}" rx="2"/>
<text class="quiet" x="${x}" y="${y + 17}">${escape(cellText(column, row[column]))}</text>`;
}

/** Where one is many times another, by the logarithm: from a little below the smallest. */
function scaleOf(values) {
  const largest = Math.max(...values);
  const smallest = Math.min(...values.filter((value) => value > 0));
  const isLogarithmic = largest > smallest * linearUpTo;
  const shareOf = (value) => {
    if (value === 0) return 0;
    return isLogarithmic ? Math.log((value / smallest) * 2) / Math.log((largest / smallest) * 2) : value / largest;
  };
  return Object.assign((value) => Math.max(1, Math.round(shareOf(value) * longestBar)), { isLogarithmic });
}

function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
