/**
 * Compiling is a third of what a start costs beyond Node itself. The build keeps V8's compiled code beside dist/, in a
 * directory named for the Node that made it; with the same Node this hook takes it from there, with any other it does
 * nothing. V8 checks what it is given (its version, its flags, the length of the source) and is believed when it refuses.
 */
const { existsSync, readFileSync, renameSync, writeFileSync } = require("node:fs");
const { basename, dirname, join } = require("node:path");

const dist = join(__dirname, "..", "dist");
const cache = join(dist, "code-cache", `${process.version}-${process.platform}-${process.arch}`);
const isMaking = process.env.HOLDFAST_CODE_CACHE === "make";
const isKeeper = basename(process.argv[1] ?? "") === "keeper.js";

if (isMaking || existsSync(cache)) install();

function install() {
  const { Script } = require("node:vm");
  const Module = module.constructor;
  const compile = Module.prototype._compile;
  const scripts = new Map();

  Module.prototype._compile = function (content, filename) {
    const file = filename.startsWith(join(dist, "/")) ? fileFor(basename(filename)) : null;
    const cachedData = file === null ? undefined : read(file);
    if (file === null || (cachedData === undefined && !isMaking)) return compile.call(this, content, filename);
    const script = new Script(Module.wrap(content), { filename, cachedData });
    if (script.cachedDataRejected === true) return compile.call(this, content, filename);
    scripts.set(file, script);
    const requireHere = (id) => this.require(id);
    requireHere.resolve = (id) => Module._resolveFilename(id, this, false);
    return script.runInThisContext().call(this.exports, this.exports, requireHere, this, filename, dirname(filename));
  };

  if (!isMaking) return;
  const keepAll = () => scripts.forEach((script, file) => keep(file, script.createCachedData()));
  // When V8 has compiled what this run has needed. For the end of a session nobody waits, but `start` for its beginning.
  if (isKeeper) process.once("SIGUSR2", keepAll);
  process.once("exit", keepAll);
}

/** Commands share a file, and need different parts of it. One that has no code of its own takes that of `status`. */
function fileFor(name) {
  if (name !== "main-commands.js") return join(cache, `${name}.bin`);
  const command = process.argv.slice(2).find((word) => /^[a-z]+$/.test(word)) ?? "status";
  const own = join(cache, `${command}.${name}.bin`);
  return isMaking || existsSync(own) ? own : join(cache, `status.${name}.bin`);
}

function read(file) {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

/** Of several runs the richest is kept, and of a keeper what it has told first. */
function keep(file, data) {
  const kept = read(file)?.length ?? 0;
  if (kept >= data.length || (isKeeper && kept > 0)) return;
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, data);
  renameSync(fresh, file);
}
