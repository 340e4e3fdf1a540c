import { accessSync, constants, statSync } from "node:fs";
import { resolve } from "node:path";

/**
 * The file that a command's program will be, going by `PATH` as execvp(3) does.
 * @param program as it was typed; with a slash it is a path
 * @param searchPath the command's own `PATH`
 * @returns null when there is none that may be executed
 */
export function findProgram(program: string, searchPath: string, cwd: string): string | null {
  if (program === "") return null;
  const directories = program.includes("/") ? [""] : searchPath.split(":").map((directory) => `${directory || "."}/`);
  return directories.map((directory) => resolve(cwd, `${directory}${program}`)).find(isExecutable) ?? null;
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
