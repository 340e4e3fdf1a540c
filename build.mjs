/**
 * Builds dist/ from src/: `node build.mjs`. With `--coverage` beside each file its source map, for test/coverage/.
 *
 * holdfast is started often and waited for, so two things count. A command loads only its own chunk, which needs code
 * splitting; and the output is CommonJS, because the ESM loader adds about 3 ms to every start. esbuild splits ES
 * modules only, hence two steps: bundle to split ES modules in memory, then turn each file into CommonJS, where
 * `await import("./chunks/x.js")` becomes a `require` that runs when it is reached. Then the program is tried out: what
 * that loads is put into few files, and what V8 compiles of them is kept.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build, transform } from "esbuild";
import { pack } from "./build/pack.mjs";

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

/** Each by itself: the keeper's chunks are its own, and what every keeper needs is in few files. */
const programs = { main: "src/main.ts", keeper: "src/keeper/main.ts" };

const builds = await Promise.all(
  Object.entries(programs).map(([name, entry]) =>
    build({ ...shared, entryPoints: { [name]: entry }, splitting: true, chunkNames: `chunks/${name}-[name]-[hash]` }),
  ),
).catch(() => process.exit(1)); // esbuild has said why

const sources = new Map(
  builds
    .flatMap(({ outputFiles }) => outputFiles)
    .map((file) => [path.relative(path.join(root, "dist"), file.path), file.text]),
);
const [files, maps] = [new Map(), new Map()];
for (const [name, source] of sources) {
  const { code, map } = await toCommonJs(name, source);
  files.set(name, code);
  if (isForCoverage) maps.set(`${name}.map`, map);
}
const others = new Map([["THIRD-PARTY-LICENSES.txt", await licences(builds.map(({ metafile }) => metafile))], ...maps]);
await writeDist(files);
// V8 counts nothing in code that it has compiled before, and counts in chunks are put together by their maps.
if (!isForCoverage) await makeFast();

/** Without it all works too. */
async function makeFast() {
  try {
    await writeDist(await packed(await tryOut()));
    await tryOut();
  } catch (error) {
    console.error(`Not made fast: ${error.message}`);
    await writeDist(files);
  }
}

function writeDist(programFiles) {
  return replaceDirectory(path.join(root, "dist"), new Map([...programFiles, ...others]));
}

/** One pack for what every call needs, one for what commands do, and one for the keeper: going by what `tryOut` has found. */
async function packed({ byAll, byAny }) {
  const isKeepers = (name) => /^(?:chunks\/)?keeper\b/.test(name);
  const packs = new Map([
    ["main.js", byAll],
    ["chunks/main-commands.js", byAny.filter((name) => !isKeepers(name) && !byAll.includes(name))],
    ["keeper.js", byAny.filter(isKeepers)],
  ]);
  const inDist = new Map();
  for (const name of byAny) inDist.set(name, (await toCommonJs(name, sources.get(name), ".")).code);
  return pack(files, packs, (name, directory) => (directory === "." ? inDist : files).get(name));
}

/**
 * Runs what people wait for once, so that V8's compiled code can be kept (bin/code-cache.js).
 * @returns the files in dist/ that every call, and that any of these calls has needed
 */
async function tryOut() {
  const cache = path.join(root, "dist", "code-cache", `${process.version}-${process.platform}-${process.arch}`);
  const project = await mkdtemp(path.join(tmpdir(), "holdfast-build-"));
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("HOLDFAST_"));
  const env = { ...Object.fromEntries(inherited), HOLDFAST_CODE_CACHE: "make" };
  const holdfast = async (...words) => {
    const program = path.join(root, "bin", "holdfast.js");
    return (await promisify(execFile)(process.execPath, [program, "-C", project, ...words], { env })).stdout;
  };
  const kept = async () => {
    const names = (await readdir(cache)).map((name) => /([^.]+\.js)\.bin$/.exec(name)?.[1]);
    return [...files.keys()].filter((name) => names.includes(path.basename(name)));
  };
  const hasRehearsed = async () => {
    const chunks = await readdir(path.join(root, "dist", "chunks"));
    const rehearsal = chunks.find((name) => name.includes("main-rehearsal"));
    // The second time it has no file of its own.
    return rehearsal === undefined || (await kept()).includes(`chunks/${rehearsal}`);
  };
  /** Of `run` what one that waits needs: all of it only if there is time to get ready for its turn. */
  const runInLine = async () => {
    const holder = holdfast("run", "--", "sh", "-c", ': >"$0"; sleep 1', path.join(project, "held"));
    await until(async () => (await readdir(project)).includes("held"));
    await Promise.all([holder, holdfast("run", "--", "true")]);
    await rm(path.join(project, "held"));
  };
  try {
    await mkdir(cache, { recursive: true });
    await holdfast("--version");
    const byAll = await kept();
    await holdfast("start", "build", "--", "sleep", "60");
    await holdfast("status");
    const { session } = JSON.parse(await holdfast("status", "--json"));
    process.kill(session.keeper_pid, "SIGUSR2");
    await until(async () => (await kept()).includes("keeper.js"));
    await holdfast("stop", "build");
    // On a busy machine, as here, there is more to be looked at when the command has ended.
    await holdfast("run", "--", "sh", "-c", "sleep 0.1; exit");
    await runInLine();
    // Once more on a busy machine; where there are only leases nobody ever rehearses.
    if (!(await hasRehearsed())) await runInLine();
    return { byAll, byAny: await kept() };
  } catch (error) {
    await rm(cache, { recursive: true, force: true });
    throw error;
  } finally {
    await rm(project, { recursive: true, force: true });
  }
}

/** Others do what is awaited: the keeper writes its part when it is told to. */
async function until(condition) {
  for (let tries = 0; tries < 100; tries += 1) {
    if (await condition()) return;
    await sleep(20);
  }
  throw new Error("what it waits for does not come");
}

/** One bundled ES module as CommonJS. `__dirname` means dist/ everywhere, whichever chunk a module ends up in. */
async function toCommonJs(name, source, directory = path.dirname(name)) {
  const chunk = directory === "chunks";
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
