import { readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { mergeScriptCovs } from "@bcoe/v8-coverage";

/**
 * Adds up what all processes together have run, as V8 counts it.
 * @param {string} raw where processes write to
 * @returns `fold` adds up, and removes, what is there: a file that is still being written waits for the next time.
 *   `scripts` are the counts so far, by the path of each script that was made of src/; `processes` is how many wrote.
 */
export function countIn(raw, root) {
  const total = { fold, scripts: new Map(), processes: 0 };
  return total;

  function fold() {
    const found = new Map();
    for (const name of readdirSync(raw)) {
      const file = path.join(raw, name);
      const scripts = name.endsWith(".json") ? parsedOrNull(file)?.result : undefined;
      if (scripts === undefined) continue;
      total.processes += 1;
      for (const script of scripts) {
        const key = pathOf(script.url, root);
        if (key !== null) found.set(key, [...(found.get(key) ?? []), { ...script, url: key }]);
      }
      rmSync(file);
    }
    for (const [key, scripts] of found) {
      const before = total.scripts.get(key);
      total.scripts.set(key, mergeScriptCovs(before === undefined ? scripts : [before, ...scripts]));
    }
  }
}

/** Of a copy of dist/, which some tests make, the path of the original; null for what is not made of src/. */
function pathOf(url, root) {
  if (!url.startsWith("file://") || url.includes("/node_modules/")) return null;
  const file = fileURLToPath(url);
  if (file.startsWith(path.join(root, "coverage/bundles/"))) return file;
  const inDist = /\/dist\/((?:chunks\/)?[^/]+\.js)$/.exec(file)?.[1];
  return inDist === undefined ? null : path.join(root, "dist", inDist);
}

function parsedOrNull(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return null;
  }
}
