import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { convert as toIstanbul } from "ast-v8-to-istanbul";
import { parseSync } from "oxc-parser";

/**
 * What was counted in the built files, as counts in the sources they were made of. Built files that no process loaded count
 * as not run.
 * @param {ReadonlyMap<string, object>} scripts see `countIn`
 * @returns {Promise<readonly object[]>} one Istanbul coverage map for each built file
 */
export async function convert(scripts, root) {
  const dist = path.join(root, "dist");
  const built = readdirSync(dist, { recursive: true })
    .filter((name) => name.endsWith(".js.map"))
    .map((name) => path.join(dist, name.slice(0, -".map".length)));
  const files = new Set([...built, ...scripts.keys()].filter((file) => existsSync(`${file}.map`)));
  const maps = [];
  for (const file of files) {
    const code = readFileSync(file, "utf8");
    const functions = scripts.get(file)?.functions ?? [neverRun(code)];
    const sourceMap = JSON.parse(readFileSync(`${file}.map`, "utf8"));
    const coverage = { url: `file://${file}`, functions };
    const converted = await toIstanbul({
      code,
      ast: parseSync(file, code).program,
      coverage,
      sourceMap,
      wrapperLength: 0,
    });
    maps.push(
      Object.fromEntries(Object.entries(converted).filter(([source]) => source.startsWith(path.join(root, "src/")))),
    );
  }
  return maps;
}

function neverRun(code) {
  return {
    functionName: "",
    ranges: [{ startOffset: 0, endOffset: code.length, count: 0 }],
    isBlockCoverage: true,
  };
}
