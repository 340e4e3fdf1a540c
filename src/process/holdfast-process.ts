import { basename, join } from "node:path";

/** Built code has `__dirname` in dist/, where the two programs of this very installation are. */
const ownPrograms: readonly string[] = ["main.js", "keeper.js"].map((name) => join(__dirname, name));

/** By the program, or by the script that node runs: `node [--option…] /usr/bin/holdfast`, `…/holdfast/dist/keeper.js`. */
export function isHoldfast(argv: readonly string[]): boolean {
  const [program = "", ...rest] = argv;
  const script = rest.find((argument) => !argument.startsWith("-")) ?? "";
  return [program, script].some(
    (path) =>
      ownPrograms.includes(path) ||
      /^holdfast(\.js)?$/.test(basename(path)) ||
      /\/holdfast\/dist\/(main|keeper)\.js$/.test(path),
  );
}
