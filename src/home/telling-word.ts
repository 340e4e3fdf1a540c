/** Programs that say nothing of what is run: the script or module they run does. */
const interpreters = new Set(
  (
    "node nodejs deno bun tsx ts-node python python2 python3 pypy3 ruby perl php java sh bash zsh dash ksh fish pwsh " +
    "env sudo doas nice ionice nohup setsid stdbuf time timeout exec npx bunx pnpx uvx"
  ).split(" "),
);

/** Programs whose first arguments say what is run: `npm run dev`. */
const taskRunners = new Set(
  "npm pnpm yarn make just task cargo go docker podman kubectl git uv poetry rake bundle mvn gradle dotnet".split(" "),
);

/** File names so common that the directory above says more. */
const tellingNothing = new Set(["index", "main", "__main__", "cli", "app", "start", "run"]);
const directoriesTellingNothing = new Set([
  "",
  ".",
  "..",
  "src",
  "dist",
  "lib",
  "bin",
  "build",
  "out",
  "scripts",
  "app",
]);

const longestWord = 40;

/**
 * The word of a command that tells best what it runs: `engine` for `node engine.js`, `npm-run-dev` for `npm run dev`.
 * Always the beginning of a valid name, at most 40 characters; `session` when nothing tells.
 */
export function tellingWord(command: readonly string[]): string {
  const words = command.flatMap((word, index) => (isShellString(command, index) ? word.trim().split(/\s+/) : [word]));
  const said = words.filter((word) => !isSettingOrFlag(word));
  const start = said.findIndex((word) => !interpreters.has(baseName(word)));
  const program = said[start];
  if (program === undefined) return asName(baseName(said.at(-1) ?? "")) || "session";
  const telling = taskRunners.has(baseName(program))
    ? [baseName(program), ...said.slice(start + 1, start + 3)].join("-")
    : stemOf(program);
  return asName(telling) || "session";
}

/** The argument of `sh -c`: a whole command in one word. */
function isShellString(command: readonly string[], index: number): boolean {
  return /^-[a-z]*c$/.test(command[index - 1] ?? "") && command.slice(0, index).some((word) => word.endsWith("sh"));
}

/** `-m`, `--flag=x`, `NAME=value`, and bare numbers (`nice -n 10`, `timeout 5m`). */
function isSettingOrFlag(word: string): boolean {
  return /^-|^[A-Za-z_][A-Za-z0-9_]*=|^[0-9.]+[a-z]?$/.test(word);
}

/** A path's file name without its extension, or the directory's name where that says more. */
function stemOf(path: string): string {
  const stem = baseName(path).replace(/(?<=.)\.(?:[cm]?[jt]sx?|py|rb|pl|php|sh|bash|jar|exe)$/i, "");
  const directory = path.split(/[\\/]/).at(-2) ?? "";
  return tellingNothing.has(stem) && !directoriesTellingNothing.has(directory) ? directory : stem;
}

function baseName(path: string): string {
  return path.split(/[\\/]/).findLast((part) => part !== "") ?? "";
}

function asName(text: string): string {
  return text
    .replaceAll(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[._-]+/, "")
    .slice(0, longestWord)
    .replace(/[._-]+$/, "");
}
