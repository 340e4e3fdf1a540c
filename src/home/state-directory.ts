import { existsSync, lstatSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf, Failure, failureFromErrno, isErrno, type NextStep } from "../failure.ts";
import { isStateElsewhere, type Home } from "./locate.ts";
import { whyForeign } from "./own-file.ts";
import { shellWord } from "./shell-word.ts";

const elsewhere =
  "HOLDFAST_STATE_DIR=<directory> keeps it elsewhere: that is another lock, and nothing keeps the two apart.";
const named = "HOLDFAST_STATE_DIR names it: name a directory, the same one for all who share the lock.";

/**
 * Makes the state directory (mode 0700) with `claims/`, `queue/`, `sessions/` and a `.gitignore` of its own, or what is
 * missing of it. Costs four lstat calls when all is there. Safe to call from several processes at once.
 * @throws Failure `NOT_PERMITTED` for a directory that another user could tamper with; `CANNOT_CREATE`, `IO`
 */
export function ensureState(home: Home): void {
  if (!isOwnState(home)) {
    makeStateDirectory(home.state);
    if (!isOwnState(home)) {
      throw new Failure("CANNOT_CREATE", `The state directory was removed while it was made\n${home.state}`, {
        facts: { path: home.state },
      });
    }
  }
  const missing = partsOf(home).filter((path) => !isOwnDirectory(path));
  if (missing.length === 0) return;
  // First, so that no crash can leave a directory that looks complete and is not ignored.
  createOnce("make the state directory ready", join(home.state, ".gitignore"), (path) =>
    writeFileSync(path, "*\n", { flag: "wx", mode: 0o600 }),
  );
  for (const path of missing)
    createOnce("make the state directory ready", path, () => mkdirSync(path, { mode: 0o700 }));
}

/**
 * For readers: whether there is a state directory, and that nobody else could have tampered with it. Never creates.
 * @throws Failure `NOT_PERMITTED` when it, or a directory in it, is a symbolic link, another user's, or writable by others
 */
export function checkState(home: Home): "ready" | "missing" {
  if (!isOwnState(home)) return "missing";
  for (const path of partsOf(home)) isOwnDirectory(path);
  return "ready";
}

function partsOf({ claims, queue, sessions }: Home): readonly string[] {
  return [claims, queue, sessions];
}

/** What is no directory where a variable says is somebody's, and not to be removed. Otherwise as below. */
function isOwnState(home: Home): boolean {
  return isOwnDirectory(home.state, isStateElsewhere(home) ? [named] : undefined);
}

/**
 * False when there is none.
 * @param ways what to do about something else in its place
 * @throws Failure `NOT_PERMITTED` when it may be another user's doing
 */
function isOwnDirectory(path: string, ways = ["Remove or rename it.", elsewhere]): boolean {
  const stats = attempt("look at the state directory", path, () => lstatSync(path, { throwIfNoEntry: false }));
  if (stats === undefined) return false;
  if (!stats.isDirectory()) {
    const reason = stats.isSymbolicLink() ? "it is a symbolic link" : "it is not a directory";
    throw refused(path, reason, ways, [{ does: "see what it is", command: `ls -ld ${shellWord(path)}` }]);
  }
  const reason = whyForeign(stats);
  if (reason === null) return true;
  if (stats.uid !== process.geteuid?.()) {
    const owner = { does: "see whose it is", command: `ls -ld ${shellWord(path)}` };
    throw refused(path, reason, ["Run holdfast as the user it belongs to.", elsewhere], [owner]);
  }
  const closing = ["If only you have written to it so far, take that right away.", elsewhere];
  throw refused(path, reason, closing, [{ does: "take it away", command: `chmod -R go-w ${shellWord(path)}` }]);
}

function refused(path: string, reason: string, ways: readonly string[], next: readonly NextStep[]): Failure {
  return new Failure("NOT_PERMITTED", `The state directory cannot be trusted: ${reason}\n${path}\n${ways.join("\n")}`, {
    next,
    facts: { path, reason },
  });
}

/** @throws Failure that says whose the directory is in which nothing may be made, and how to do without */
function makeStateDirectory(path: string): void {
  try {
    makeDirectory(path);
  } catch (error) {
    const { code, message, facts } = failureFromErrno(error, "create the state directory", path);
    const next = isErrno(error, "EACCES", "EPERM", "EROFS", "ENOENT", "ENAMETOOLONG") ? waysWithout(path) : [];
    throw new Failure(code, message, { facts, next, cause: error });
  }
}

function waysWithout(path: string): readonly NextStep[] {
  let parent = dirname(path);
  while (parent !== dirname(parent) && !existsSync(parent)) parent = dirname(parent);
  return [
    { does: "see whose it is", command: `ls -ld ${shellWord(parent)}` },
    {
      does: "keep the state elsewhere: the same place for all who share the lock",
      command: "HOLDFAST_STATE_DIR=/var/tmp/holdfast holdfast …",
    },
  ];
}

/** Like `mkdir -p`. Node's own goes round for ever where the kernel says ENOENT below a parent that exists: `/proc/x`. */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return;
    const parent = dirname(path);
    if (errnoOf(error) !== "ENOENT" || parent === path || lstatSync(parent, { throwIfNoEntry: false })) throw error;
    makeDirectory(parent);
    mkdirSync(path, { mode: 0o700 });
  }
}

/** Creates what another process may create at the same time. */
function createOnce(verb: string, path: string, create: (path: string) => void): void {
  attempt(verb, path, () => {
    try {
      create(path);
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
    }
  });
}

function attempt<Result>(operation: string, path: string, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    throw failureFromErrno(error, operation, path);
  }
}
