/**
 * Builds dist/ from src/: `node build.mjs`. With `--coverage` beside each file its source map, for test/coverage/.
 *
 * holdfast is started often and waited for, so two things count. A command loads only its own chunk, which needs code
 * splitting; and the output is CommonJS, because the ESM loader adds about 3 ms to every start. esbuild splits ES
 * modules only, hence two steps: bundle to split ES modules in memory, then turn each file into CommonJS, where
 * `await import("./chunks/x.js")` becomes a `require` that runs when it is reached.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build, transform } from "esbuild";

const root = path.dirname(fileURLToPath(import.meta.url));
const target = "node20";
const isForCoverage = process.argv.includes("--coverage");

/** What a process has run is written when it exits, which one does not that kills itself. */
const countsBeforeItKillsItself = `if (process.env.NODE_V8_COVERAGE) {
  const kill = process.kill.bind(process);
  process.kill = (pid, signal) => {
    if (pid === process.pid && signal !== 0) require("node:v8").takeCoverage();
    return kill(pid, signal);
  };
}`;

/**
 * Without an export of its own, esbuild takes an entry for CommonJS (the package's type), and wraps it and all it imports
 * in functions, which undoes tree shaking. So each entry gets an empty export.
 */
const entriesAreModules = {
  name: "entries-are-modules",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]src[\\/](?:keeper[\\/])?main\.ts$/ }, async ({ path: file }) => ({
      contents: `${await readFile(file, "utf8")}\nexport {};\n`,
      loader: "ts",
    }));
  },
};

/**
 * fs-native-extensions finds its prebuilt part through a resolver that takes 7 ms of every start. It lies at a known
 * place in its package; where it does not, requiring it fails, and holdfast uses leases as on any platform without it.
 */
const nativePartAtOnce = {
  name: "native-part-at-once",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^require-addon$/ }, () => ({ path: "require-addon", namespace: "native-part" }));
    onLoad({ filter: /.*/, namespace: "native-part" }, () => ({
      contents: `const { dirname, join } = require("node:path");
        module.exports = () => {
          const directory = dirname(require.resolve("fs-native-extensions/package.json"));
          const platform = process.platform + "-" + process.arch;
          return require(join(directory, "prebuilds", platform, "fs-native-extensions.node"));
        };`,
    }));
  },
};

/**
 * commander loads `node:child_process` (2 ms) for subcommands that are programs of their own. holdfast has none.
 */
const commanderWithoutChildren = {
  name: "commander-without-children",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      /[\\/]commander[\\/]lib[\\/]/.test(importer) ? { path: "child_process", namespace: "not-needed" } : undefined,
    );
    onLoad({ filter: /.*/, namespace: "not-needed" }, () => ({ contents: "module.exports = {};" }));
  },
};

const shared = {
  absWorkingDir: root,
  outdir: "dist",
  bundle: true,
  format: "esm",
  platform: "node",
  target,
  external: ["fs-native-extensions/package.json"],
  plugins: [entriesAreModules, nativePartAtOnce, commanderWithoutChildren],
  // ES modules first, where a package has both: they can be split and shaken.
  mainFields: ["module", "main"],
  legalComments: "none",
  // For the second step, which makes one map of both.
  sourcemap: isForCoverage && "inline",
  metafile: true,
  write: false,
  logLevel: "warning",
};

const builds = await Promise.all([
  build({ ...shared, entryPoints: { main: "src/main.ts" }, splitting: true, chunkNames: "chunks/[name]-[hash]" }),
  // By itself: in one file with little else, what every keeper needs; the rest it loads before an upgrade can take it.
  build({
    ...shared,
    entryPoints: { keeper: "src/keeper/main.ts" },
    splitting: true,
    chunkNames: "chunks/[name]-[hash]",
  }),
]).catch(() => process.exit(1)); // esbuild has said why

const files = new Map();
await Promise.all(
  builds
    .flatMap(({ outputFiles }) => outputFiles)
    .map(async (file) => {
      const name = path.relative(path.join(root, "dist"), file.path);
      const { code, map } = await toCommonJs(name, file.text);
      files.set(name, code);
      if (isForCoverage) files.set(`${name}.map`, map);
    }),
);
files.set("THIRD-PARTY-LICENSES.txt", await licences(builds.map(({ metafile }) => metafile)));
await replaceDirectory(path.join(root, "dist"), files);
// V8 counts nothing in code that it has compiled before.
if (!isForCoverage) await makeCodeCache();

/** Runs what people wait for once, so that V8's compiled code can be kept (bin/code-cache.js). Without it all works too. */
async function makeCodeCache() {
  const cache = path.join(root, "dist", "code-cache", `${process.version}-${process.platform}-${process.arch}`);
  const project = await mkdtemp(path.join(tmpdir(), "holdfast-build-"));
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("HOLDFAST_"));
  const env = { ...Object.fromEntries(inherited), HOLDFAST_CODE_CACHE: "make" };
  const holdfast = async (...words) => {
    await promisify(execFile)(process.execPath, [path.join(root, "bin", "holdfast.js"), "-C", project, ...words], {
      env,
    });
  };
  try {
    await mkdir(cache, { recursive: true });
    await holdfast("start", "build", "--", "sleep", "60");
    await holdfast("status");
    await holdfast("stop", "build");
    await holdfast("run", "--", "true");
    await Promise.all([holdfast("run", "--", "sleep", "0.5"), holdfast("run", "--", "true")]);
    await holdfast("status", "--json");
    await until(async () => (await readdir(cache)).includes("keeper.js.bin"));
  } catch (error) {
    console.error(`No code cache: ${error.message}`);
    await rm(cache, { recursive: true, force: true });
  } finally {
    await rm(project, { recursive: true, force: true });
  }
}

/** The keeper writes its part when it exits, a moment after `stop` returns. */
async function until(condition) {
  for (let tries = 0; tries < 100; tries += 1) {
    if (await condition()) return;
    await sleep(20);
  }
  throw new Error("the keeper left none");
}

/** One bundled ES module as CommonJS. `__dirname` means dist/ everywhere, whichever chunk a module ends up in. */
async function toCommonJs(name, source) {
  const chunk = path.dirname(name) !== ".";
  const stands = [
    chunk && ["__dirname", "__distDirectory", `require("node:path").dirname(__dirname)`],
    ["import.meta.url", "__fileUrl", `require("node:url").pathToFileURL(__filename).href`],
  ].filter((entry) => entry && source.includes(entry[0]));
  const { code, map } = await transform(source, {
    sourcefile: name,
    format: "cjs",
    platform: "node",
    target,
    // Without this, esbuild keeps `import()` in CommonJS output, and with it the ESM loader.
    supported: { "dynamic-import": false },
    legalComments: "none",
    sourcemap: isForCoverage && "external",
    define: Object.fromEntries(stands.map(([original, standIn]) => [original, standIn])),
    banner: [
      ...stands.map(([, standIn, value]) => `var ${standIn} = ${value};`),
      ...(isForCoverage && !chunk ? [countsBeforeItKillsItself] : []),
    ].join("\n"),
  });
  // A CommonJS package reached by `import()`: hand it over whole, so that its named exports exist too, as in Node.
  const isPackage = /^export default require_\w+\(\);$/m.test(source);
  return { code: isPackage ? `${code}module.exports = module.exports.default;\n` : code, map };
}

/** The licence texts of every package that has code in the output, as their licences ask. */
async function licences(metafiles) {
  const used = metafiles
    .flatMap(({ outputs }) => Object.values(outputs))
    .flatMap((output) =>
      Object.entries(output.inputs).flatMap(([input, { bytesInOutput }]) => (bytesInOutput > 0 ? [input] : [])),
    );
  const directories = new Set(
    used.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []).toSorted(),
  );
  const texts = await Promise.all([...directories].map((directory) => licence(path.join(root, directory))));
  return ["holdfast's program files contain code of these packages.\n", ...texts].join(`\n${"-".repeat(80)}\n\n`);
}

async function licence(directory) {
  const manifest = JSON.parse(await readFile(path.join(directory, "package.json"), "utf8"));
  const file = (await readdir(directory)).find((entry) => /^licen[cs]e(\.(md|txt))?$/i.test(entry));
  const text = file && (await readFile(path.join(directory, file), "utf8")).trim();
  if (!manifest.license && !text) throw new Error(`${manifest.name}: no licence found, so it cannot be bundled`);
  return `${manifest.name} ${manifest.version} (${manifest.license ?? "see below"})\n\n${text || "No text in the package."}\n`;
}

/** Writes everything beside `directory`, then swaps: nobody ever sees half a build, or a file of the build before. */
async function replaceDirectory(directory, contents) {
  const fresh = `${directory}.new-${process.pid}`;
  const stale = `${directory}.old-${process.pid}`;
  try {
    for (const [name, text] of contents) {
      const file = path.join(fresh, name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, text);
    }
    await swap(directory, fresh, stale);
  } finally {
    await Promise.all([fresh, stale].map((leftover) => rm(leftover, { recursive: true, force: true })));
  }
}

/** Puts `fresh` where `directory` is. Another build may do the same meanwhile: then the later one wins. */
async function swap(directory, fresh, stale) {
  for (let attempt = 1; ; attempt += 1) {
    await rm(stale, { recursive: true, force: true });
    await rename(directory, stale).catch((error) => {
      if (error.code !== "ENOENT") throw error;
    });
    try {
      return await rename(fresh, directory);
    } catch (error) {
      if (attempt === 10 || !["ENOTEMPTY", "EEXIST"].includes(error.code)) throw error;
    }
  }
}
