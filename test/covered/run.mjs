/**
 * Coverage of src/ by all tests, in all processes: `npm run coverage [-- --add] [FILE…|--project NAME]`.
 *
 * Most of holdfast runs as the built program, in processes that tests start. So this builds dist/ with source maps, has every
 * process under the tests write down what it ran (NODE_V8_COVERAGE), and puts that together with what Vitest saw in its
 * own. With `--add`, also with what earlier calls saw, if the sources are still the same. The report is in coverage/;
 * coverage/uncovered.txt names each branch that nothing took.
 */
import { spawnSync, spawn } from "node:child_process";
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { convert } from "./convert.mjs";
import { countIn } from "./counts.mjs";
import { report } from "./report.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const directory = path.join(root, "coverage");
const raw = path.join(directory, "raw");
/** Programs that tests bundle, see test/support/counted.ts. */
const bundles = path.join(directory, "bundles");
const foldEveryMs = 2_000;

const words = process.argv.slice(2);
const isAdding = words.includes("--add");
const tests = words.filter((word) => word !== "--add");

build("--coverage");
try {
  discard();
  mkdirSync(raw, { recursive: true });
  // Some tests call holdfast as another user.
  chmodSync(raw, 0o1777);
  const counts = countIn(raw, root);
  const code = await runTests(counts);
  counts.fold();
  console.log(`${counts.processes} processes were counted.`);
  await report(directory, { fresh: await convert(counts.scripts, root), isAdding });
  process.exitCode = code;
} finally {
  discard();
  build();
}

/** What processes write down is added up, and removed, while the tests run: it would be gigabytes in the end. */
async function runTests(counts) {
  const vitest = [path.join(root, "node_modules/vitest/vitest.mjs"), "run", "--coverage", ...tests];
  const env = { ...process.env, COUNT_CHILDREN_IN: raw };
  const child = spawn(process.execPath, vitest, { cwd: root, env, stdio: "inherit" });
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.once(signal, () => child.kill(signal));
  const folding = setInterval(() => counts.fold(), foldEveryMs);
  const code = await new Promise((resolve, reject) => {
    child.once("error", reject).once("exit", (exitCode) => resolve(exitCode ?? 1));
  });
  clearInterval(folding);
  return code;
}

function discard() {
  for (const each of [raw, bundles]) rmSync(each, { recursive: true, force: true });
}

function build(...options) {
  const { status } = spawnSync(process.execPath, ["build.mjs", ...options], { cwd: root, stdio: "inherit" });
  if (status !== 0) throw new Error("The build failed");
}
