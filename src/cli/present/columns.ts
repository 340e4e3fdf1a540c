import { displayWidth, padToWidth } from "./display-width.ts";

const gap = 2;

/**
 * Rows of cells as lines with aligned columns.
 * @param minimum the least width of each column, its gap included
 */
export function alignColumns(rows: readonly (readonly string[])[], minimum: readonly number[] = []): readonly string[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, column) =>
    Math.max(minimum[column] ?? 0, ...rows.map((row) => displayWidth(row[column] ?? "") + gap)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => padToWidth(cell, widths[column] ?? 0))
      .join("")
      .trimEnd(),
  );
}
