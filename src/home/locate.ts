import { realpathSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { errnoOf, Failure } from "../failure.ts";
import { escapeControl } from "./names.ts";

/** Where one project's sessions live. Plain paths; nothing need exist yet but the root. */
export interface Home {
  /** The project's root, without symbolic links. */
  readonly root: string;
  /** The state directory, `.holdfast/` unless HOLDFAST_STATE_DIR says otherwise. */
  readonly state: string;
  /** The event log. */
  readonly log: string;
  readonly claims: string;
  readonly queue: string;
  readonly sessions: string;
  sessionDir(uid: string): string;
  /** The link that shows a lock is held: `session.lock`. */
  lockLink(lock: string): string;
}

export interface LocateOptions {
  /** The value of `-C/--dir`. */
  readonly dir?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

const stateDirectoryName = ".holdfast";

/**
 * Finds the project: `--dir`, else HOLDFAST_DIR, else the nearest ancestor of `cwd` (itself included) with `.holdfast/`
 * or `.git`, else `cwd`. The state is in HOLDFAST_STATE_DIR (relative to the root, or absolute), else in
 * `<root>/.holdfast`. An empty variable counts as none. Reads only; never writes.
 * @throws Failure `USAGE` when the directory named does not exist or is none
 */
export function locateHome(options: LocateOptions): Home {
  const root = locateRoot(options);
  return homeAt(root, stateOf(root, options.env["HOLDFAST_STATE_DIR"]));
}

function stateOf(root: string, named: string | undefined): string {
  return resolve(root, named || stateDirectoryName);
}

/** Whether this state is found only by who names it in HOLDFAST_STATE_DIR. */
export function isStateElsewhere({ root, state }: Pick<Home, "root" | "state">): boolean {
  return state !== stateOf(root, undefined);
}

/** Whether a process with these variables, which every agent is given, means this very state: one project may have several. */
export function isMeantBy(home: Home, variables: ReadonlyMap<string, string>): boolean {
  const root = variables.get("HOLDFAST_DIR");
  return root === home.root && stateOf(root, variables.get("HOLDFAST_STATE_DIR")) === home.state;
}

function locateRoot({ dir, env, cwd }: LocateOptions): string {
  if (dir === "") throw new Failure("USAGE", "--dir: expected a directory, got an empty text");
  if (dir !== undefined) return realDirectory(resolve(cwd, dir), "--dir");
  const named = env["HOLDFAST_DIR"];
  if (named) return realDirectory(resolve(cwd, named), "HOLDFAST_DIR");
  return nearestProject(realDirectory(cwd, "the current directory"));
}

/** The layout of a state directory. */
export function homeAt(root: string, state: string): Home {
  const sessions = join(state, "sessions");
  return {
    root,
    state,
    log: join(state, "holdfast.log"),
    claims: join(state, "claims"),
    queue: join(state, "queue"),
    sessions,
    sessionDir: (uid) => join(sessions, uid),
    lockLink: (lock) => join(state, `${lock}.lock`),
  };
}

function nearestProject(cwd: string): string {
  for (let directory = cwd; ; directory = dirname(directory)) {
    // A worktree's `.git` is a file.
    if (isDirectory(join(directory, stateDirectoryName)) || exists(join(directory, ".git"))) return directory;
    if (dirname(directory) === directory) return cwd;
  }
}

function realDirectory(path: string, what: string): string {
  try {
    const real = realpathSync(path);
    if (statSync(real).isDirectory()) return real;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    const reason = errno === "ENOENT" ? "does not exist" : `cannot be used (${errno})`;
    throw new Failure("USAGE", `${what}: this directory ${reason}\n${escapeControl(path)}`, {
      facts: { path, errno },
      cause: error,
    });
  }
  throw new Failure("USAGE", `${what}: not a directory\n${escapeControl(path)}`, { facts: { path, errno: "ENOTDIR" } });
}

/** What cannot be looked at (no permission) is not our project. */
function isDirectory(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch {
    return false;
  }
}

function exists(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}
