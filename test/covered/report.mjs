import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import coverage from "istanbul-lib-coverage";
import libReport from "istanbul-lib-report";
import reports from "istanbul-reports";
import { addCounts } from "./merge.mjs";

/** Whose branches are each to be taken by a test, or explained in docs/proof.md. */
const strictParts = ["lock", "keeper", "process"];

/**
 * Puts everything together, keeps it in coverage-final.json, and writes the report.
 * @param {{ fresh: readonly object[], isAdding: boolean }} options what was counted in other processes
 */
export async function report(directory, { fresh, isAdding }) {
  const final = path.join(directory, "coverage-final.json");
  const own = path.join(directory, "in-process/coverage-final.json");
  if (!existsSync(own)) throw new Error("Vitest was ended before it could write what it counted: nothing is reported");
  const all = parsed(own);
  const before = isAdding && existsSync(final) ? [unchangedOnly(parsed(final))] : [];
  let unplaced = 0;
  for (const map of [...fresh, ...before]) {
    for (const [file, counts] of Object.entries(map)) {
      if (all[file] !== undefined) unplaced += addCounts(all[file], counts);
    }
  }
  for (const [file, counts] of Object.entries(all)) counts.hash = hashOf(file);
  writeFileSync(final, JSON.stringify(all));
  const coverageMap = coverage.createCoverageMap(all);
  const context = libReport.createContext({ dir: directory, coverageMap });
  for (const name of ["text", "html", "json-summary"]) reports.create(name).execute(context);
  const uncovered = uncoveredBranches(coverageMap);
  writeFileSync(path.join(directory, "uncovered.txt"), uncovered.map((line) => `${line}\n`).join(""));
  const strict = uncovered.filter((line) => strictParts.some((part) => line.startsWith(`src/${part}/`)));
  console.log(`${uncovered.length} branches not taken, ${strict.length} of them in ${strictParts.join(", ")}.`);
  if (unplaced > 0) console.log(`${unplaced} branches that were taken could not be placed in their sources.`);
}

function parsed(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}

/** What was counted in a file that has changed since is about another file. */
function unchangedOnly(map) {
  return Object.fromEntries(
    Object.entries(map).filter(([file, { hash }]) => existsSync(file) && hash === hashOf(file)),
  );
}

function hashOf(file) {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

/** One line for each: where it is, what it is, and the text there. */
function uncoveredBranches(coverageMap) {
  return coverageMap
    .files()
    .toSorted()
    .flatMap((file) => {
      const { branchMap, b } = coverageMap.fileCoverageFor(file);
      const lines = readFileSync(file, "utf8").split("\n");
      return Object.entries(branchMap).flatMap(([id, { type, loc, locations }]) =>
        b[id].flatMap((count, arm) => {
          if (count > 0) return [];
          // An `else` that is not there has no place of its own.
          const { line = loc.start.line, column = loc.start.column } = locations[arm]?.start ?? {};
          const place = `${path.relative(process.cwd(), file)}:${line}:${column + 1}`;
          return [`${place} ${type} arm ${arm + 1} of ${locations.length}: ${lines[line - 1]?.trim()}`];
        }),
      );
    });
}
