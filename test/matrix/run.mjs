/**
 * The whole suite where users will run holdfast: `npm run test:matrix [-- --only NAME,NAME] [FILE…]`. One row after the
 * other, a table at the end, exit code 1 when one failed.
 *
 * - `node20` … `node26`: with that Node, fetched as a package of npm into a temporary directory.
 * - `container`: only the programs of a slim image, no `ps`, and a PID namespace of its own.
 * - `lease`: the native part cannot be loaded, so that locks are kept by leases.
 *
 * The last two hide files by a mount namespace: Linux, as root or where users may have namespaces. A row that cannot be
 * run here says so, and is no success: name the others with `--only`.
 */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {() => readonly string[]} command runs the program that is appended to it; throws when that is not possible
 * @property {() => string} node the path of the Node that runs the tests
 */

/** @typedef {{ name: string, result: string, node: string, passed: number, failed: number, skipped: number, seconds: number }} Outcome */

const root = fileURLToPath(new URL("../..", import.meta.url));
const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const cache = path.join(tmpdir(), `holdfast-matrix-${userInfo().uid}`);

/** A row ends its tests by itself, and these what they have started. */
const stopsWithinMs = 10_000;

/** @type {readonly Row[]} */
const rows = [
  ...[20, 22, 24, 26].map((major) => ({ name: `node${major}`, command: () => [], node: () => fetchNode(major) })),
  {
    name: "container",
    command: () => namespace("container.sh", "--pid", "--fork", "--kill-child", "--mount-proc"),
    node: () => process.execPath,
  },
  { name: "lease", command: () => namespace("lease.sh"), node: () => process.execPath },
];

const { values, positionals: files } = parseArgs({ allowPositionals: true, options: { only: { type: "string" } } });
const chosen = chosenOf(values.only?.split(",") ?? []);
// What is stale is built now, by this Node, and not within a row by that row's.
call(process.execPath, [path.join(root, "build.mjs")]);
// Other users run what lies there: some tests call holdfast as one.
mkdirSync(cache, { recursive: true, mode: 0o755 });
chmodSync(cache, 0o755);
const outcomes = [];
let isStopped = false;
for (const row of chosen) {
  if (isStopped) break;
  console.log(`\n=== ${row.name}\n`);
  outcomes.push(await runRow(row));
}
console.log(`\n${tableOf(outcomes)}`);
if (outcomes.some(({ result }) => result !== "passed")) process.exitCode = 1;

/** @returns {Promise<Outcome>} */
async function runRow({ name, command, node: nodeOf }) {
  const begin = performance.now();
  const nothing = { name, node: "", passed: 0, failed: 0, skipped: 0, seconds: 0 };
  let node;
  let prefix;
  try {
    node = nodeOf();
    prefix = command();
  } catch (error) {
    console.error(`${name} cannot be run here: ${error.message}`);
    return { ...nothing, result: "NOT RUN" };
  }
  const directory = mkdtempSync(path.join(cache, "result-"));
  try {
    const report = path.join(directory, "report.json");
    const vitest = [path.join(root, "node_modules/vitest/vitest.mjs"), "run", "--reporter=default", "--reporter=json"];
    const [program, ...args] = [...prefix, node, ...vitest, `--outputFile.json=${report}`, ...files];
    const code = await exitCodeOf(program, args, path.dirname(node));
    const { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped } = readReport(report);
    const result = code === 0 && failed === 0 && passed > 0 ? "passed" : "FAILED";
    const version = call(node, ["--version"]).trim();
    const seconds = Math.round((performance.now() - begin) / 1000);
    return { name, node: version, passed, failed, skipped, seconds, result };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The node that tests find on their PATH is the row's as well. */
function exitCodeOf(program, args, nodeDirectory) {
  const env = { ...process.env, PATH: `${nodeDirectory}:${process.env.PATH}` };
  const child = spawn(program, args, { cwd: root, env, stdio: "inherit" });
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.once(signal, () => stop(child, signal));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? signal));
  });
}

/** unshare(1) ignores what would end it while it waits; its namespace dies with it. */
function stop(child, signal) {
  isStopped = true;
  child.kill(signal);
  setTimeout(() => child.kill("SIGKILL"), stopsWithinMs).unref();
}

/** As npm has it: a package for each platform that holds nothing but the program. */
function fetchNode(major) {
  const name = `node-${process.platform}-${process.arch}`;
  const directory = path.join(cache, `node${major}`);
  const node = path.join(directory, "node_modules", name, "bin/node");
  if (!existsSync(node)) {
    mkdirSync(directory, { recursive: true });
    call("npm", ["install", "--prefix", directory, "--no-audit", "--no-fund", "--loglevel=error", `${name}@${major}`]);
  }
  return node;
}

/** A command line that runs a script of ours in a mount namespace; the script prepares it and becomes what follows. */
function namespace(script, ...more) {
  const options = ["--mount", ...more, ...(process.getuid?.() === 0 ? [] : ["--map-root-user"])];
  call("unshare", [...options, "true"]);
  return ["unshare", ...options, "sh", here(script), root];
}

function readReport(file) {
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8"));
  return { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0 };
}

function chosenOf(names) {
  for (const name of names) {
    if (!rows.some((row) => row.name === name)) {
      throw new Error(`No row ${name}; there are ${rows.map((row) => row.name).join(", ")}`);
    }
  }
  return names.length === 0 ? rows : rows.filter(({ name }) => names.includes(name));
}

/** @param {readonly Outcome[]} all */
function tableOf(all) {
  const heads = ["row", "node", "passed", "failed", "skipped", "seconds", "result"];
  const table = [heads, ...all.map((outcome) => heads.map((head) => String(outcome[head === "row" ? "name" : head])))];
  const widths = heads.map((_, column) => Math.max(...table.map((cells) => cells[column].length)));
  return table
    .map((cells) =>
      cells
        .map((cell, column) => cell.padEnd(widths[column]))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function call(program, args) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: root, encoding: "utf8" });
  if (error !== undefined) throw error;
  if (status === 0) return stdout;
  throw new Error(`${program} ${args.join(" ")} exited with ${status}: ${stderr.trim()}`);
}
