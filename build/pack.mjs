/**
 * Puts chunks that are mostly needed together into one file. It takes Node some 0.3 ms to find and read a file, and the
 * code of a command lies in thirty. In a pack each chunk is a function that runs when it is first asked for.
 */
import path from "node:path";

const reference = /require\("(\.\.?\/[^"]+\.js)"\)/g;

/**
 * @param {ReadonlyMap<string, string>} files CommonJS by its name in dist/; they require each other by relative paths
 * @param {ReadonlyMap<string, readonly string[]>} packs the files of each pack, by its name. One that is called like one
 *   of its files is a program: that one runs when the pack is loaded
 * @param {(name: string, directory: string) => string} codeIn a file's code as it is in another directory
 * @returns {Map<string, string>} the same files, with packs instead of what they contain
 */
export function pack(files, packs, codeIn) {
  const packOf = new Map([...packs].flatMap(([file, names]) => names.map((name) => [name, file])));
  const packed = new Map();
  for (const [name, code] of files) {
    if (!packOf.has(name)) packed.set(name, linked(name, code, name));
  }
  for (const [file, names] of packs) {
    const parts = names.map((name) => {
      const code = linked(name, codeIn(name, path.dirname(file)), file);
      return `${JSON.stringify(name)}(module, exports) {\n${code}\n}`;
    });
    packed.set(file, textOf(parts, names.includes(file) ? file : null));
  }
  return packed;

  /** @param {string} where the file that this code is going to be in */
  function linked(name, code, where) {
    return code.replaceAll(reference, (whole, request) => {
      const wanted = path.join(path.dirname(name), request);
      if (!files.has(wanted)) return whole;
      const there = packOf.get(wanted);
      if (there === where) return `part(${JSON.stringify(wanted)})`;
      const file = `require(${JSON.stringify(relative(where, there ?? wanted))})`;
      return there === undefined ? file : `${file}.part(${JSON.stringify(wanted)})`;
    });
  }
}

function relative(from, to) {
  const direct = path.relative(path.dirname(from), to);
  return direct.startsWith(".") ? direct : `./${direct}`;
}

function textOf(parts, program) {
  return `var parts = {
${parts.join(",\n")}
};
var loaded = new Map();
function part(name) {
  var module = loaded.get(name);
  if (module === undefined) {
    module = { exports: {} };
    loaded.set(name, module);
    parts[name](module, module.exports);
  }
  return module.exports;
}
exports.part = part;
${program === null ? "" : `part(${JSON.stringify(program)});\n`}`;
}
