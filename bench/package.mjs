/**
 * What it takes to have it: size on disk, packages, and the time of `npm install`, of holdfast as it is packed and of
 * pm2. `npm run bench -- package [--rounds N]`. Needs npm's registry.
 */
import { lstatSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { percentile, timeOf } from "./measure.mjs";
import { callNow, cleanEnv as env, withProject } from "./project.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/** @type {import("./report.mjs").Benchmark} */
export function installation({ rounds = 3 } = {}) {
  return withProject(async (project) => {
    const packed = JSON.parse(callNow(["npm", "pack", "--json", "--pack-destination", project, root]));
    const packages = [
      { name: "holdfast", spec: path.join(project, packed[0].filename) },
      { name: "pm2", spec: "pm2" },
    ];
    const times = new Map(packages.map(({ name }) => [name, { cold: [], warm: [] }]));
    try {
      for (let round = 0; round < rounds; round += 1) {
        for (const { name, spec } of packages) {
          // An empty cache is what a new machine has, as in CI; the second time it has all there is to fetch.
          const cache = path.join(project, `cache-${name}-${round}`);
          for (const kind of ["cold", "warm"])
            times.get(name)[kind].push(await install(project, { name, spec, cache }));
        }
      }
    } catch (error) {
      console.error(`npm install failed, SKIPPED: ${error.message}`);
      return { rows: [{ name: "npm install", skipped: "SKIPPED" }], checks: [] };
    }
    const rows = packages.map(({ name }) => {
      const { cold, warm } = times.get(name);
      const modules = path.join(project, `installed-${name}`, "node_modules");
      return {
        name,
        version: JSON.parse(readFileSync(path.join(modules, name, "package.json"), "utf8")).version,
        installed_bytes: bytesIn(modules),
        packages: packagesIn(modules),
        cold_install_ms: percentile(cold, 0.5),
        warm_install_ms: percentile(warm, 0.5),
      };
    });
    const [ours, theirs] = rows;
    const check = (key, what) => ({ what: `${what}, to pm2's`, measured: ours[key] / theirs[key], atMost: 1 / 3 });
    return {
      rows,
      checks: [
        check("installed_bytes", "size on disk"),
        check("packages", "packages"),
        check("cold_install_ms", "time of `npm install` with an empty cache"),
        check("warm_install_ms", "with a filled one"),
      ],
      chart: "cold_install_ms",
    };
  });
}

async function install(project, { name, spec, cache }) {
  const directory = path.join(project, `installed-${name}`);
  callNow(["rm", "-rf", directory]);
  mkdirSync(directory);
  const options = ["--no-audit", "--no-fund", "--loglevel=error", "--cache", cache, "--prefix", directory];
  return timeOf({ command: ["npm", "install", ...options, spec], cwd: directory, env });
}

/** As `du` counts: whole blocks. */
function bytesIn(directory) {
  const { blocks } = lstatSync(directory);
  const entries = readdirSync(directory, { withFileTypes: true });
  return entries.reduce((sum, entry) => {
    const inner = path.join(directory, entry.name);
    return sum + (entry.isDirectory() ? bytesIn(inner) : lstatSync(inner).blocks * 512);
  }, blocks * 512);
}

/** Those of the lock file that npm leaves: nested ones, too. */
function packagesIn(modules) {
  const { packages } = JSON.parse(readFileSync(path.join(modules, ".package-lock.json"), "utf8"));
  return Object.keys(packages).length;
}
