import { execFileSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");
const inputs = ["build.mjs", "build", "bin", "package.json", "package-lock.json", "src"];

/** Builds dist/ unless it is newer than everything it is made of. Vitest runs this before the tests that need it. */
export function setup(): void {
  const built = modifiedMs(join(root, "dist/main.js"));
  const newestInput = Math.max(...inputs.map((input) => newestMs(join(root, input))));
  if (built > newestInput) return;
  execFileSync(process.execPath, ["build.mjs"], { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
}

/** When this file, or the last changed entry anywhere below this directory, changed; a removal changes its directory. */
function newestMs(path: string): number {
  if (!statSync(path).isDirectory()) return modifiedMs(path);
  const below = readdirSync(path, { recursive: true, encoding: "utf8" });
  return Math.max(modifiedMs(path), ...below.map((entry) => modifiedMs(join(path, entry))));
}

function modifiedMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
