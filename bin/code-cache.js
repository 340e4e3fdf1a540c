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

if (isMaking || existsSync(cache)) install();

function install() {
  const { Script } = require("node:vm");
  const Module = module.constructor;
  const compile = Module.prototype._compile;
  const scripts = new Map();

  Module.prototype._compile = function (content, filename) {
    const file = filename.startsWith(join(dist, "/")) ? join(cache, `${basename(filename)}.bin`) : null;
    const cachedData = file === null ? undefined : read(file);
    if (file === null || (cachedData === undefined && !isMaking)) return compile.call(this, content, filename);
    const script = new Script(Module.wrap(content), { filename, cachedData });
    if (script.cachedDataRejected === true) return compile.call(this, content, filename);
    scripts.set(file, script);
    const requireHere = (id) => this.require(id);
    requireHere.resolve = (id) => Module._resolveFilename(id, this, false);
    return script.runInThisContext().call(this.exports, this.exports, requireHere, this, filename, dirname(filename));
  };

  // At the end, when V8 has compiled what this run has needed. The build runs several; the richest is kept.
  if (isMaking) process.once("exit", () => scripts.forEach((script, file) => keep(file, script.createCachedData())));
}

function read(file) {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

function keep(file, data) {
  if ((read(file)?.length ?? 0) >= data.length) return;
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, data);
  renameSync(fresh, file);
}
