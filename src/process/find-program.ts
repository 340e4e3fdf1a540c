import { accessSync, closeSync, constants, openSync, readSync, statSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import { errnoOf } from "../failure.ts";

/** Where a program is looked for when there is no PATH, as execvp(3) does. */
const usualPath = "/usr/local/bin:/usr/bin:/bin";

/** Why a name is no program that can be run, by the errno that execve(2) would have: there is none, or it is no program. */
export type NoProgram = "ENOENT" | "EACCES";

/**
 * Finds the file that a command's first word means, as execvp(3) does: with a slash it is a path, else it is looked for
 * in PATH.
 * @param cwd what a relative path, also one in PATH, starts from
 */
export function findProgram(
  name: string,
  { env, cwd }: { readonly env: NodeJS.ProcessEnv; readonly cwd: string },
): { readonly path: string } | NoProgram {
  const directories = name.includes("/") ? [cwd] : (env["PATH"] ?? usualPath).split(delimiter);
  let problem: NoProgram = "ENOENT";
  for (const directory of name === "" ? [] : directories) {
    const path = resolve(cwd, directory, name);
    if (isExecutable(path)) return { path };
    if (mayBeThere(path)) problem = "EACCES";
  }
  return problem;
}

/** In a directory that may not be looked into, too. */
function mayBeThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    return errnoOf(error) !== "ENOTDIR";
  }
}

/** Whether it is a file, or a link to one, that this process may execute. Never throws. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** So much of a script's first line does Linux read (BINPRM_BUF_SIZE). */
const firstLineBytes = 256;

/** What a script says is to run it (`#!`); null for what is no script, or cannot be read. */
export function interpreterOf(path: string): string | null {
  return /^#![ \t]*([^ \t\n]+)/.exec(firstBytesOf(path))?.[1] ?? null;
}

/** Whether what a script says is to run it may be executed; true of what is no script, or cannot be read. */
export function hasInterpreter(path: string, cwd: string): boolean {
  const interpreter = interpreterOf(path);
  return interpreter === null || isExecutable(resolve(cwd, interpreter));
}

function firstBytesOf(path: string): string {
  const bytes = Buffer.alloc(firstLineBytes);
  try {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return bytes.toString("utf8", 0, readSync(descriptor, bytes));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return "";
  }
}
