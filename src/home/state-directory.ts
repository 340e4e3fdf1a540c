import { lstatSync, mkdirSync, writeFileSync, type Stats } from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf, Failure, failureFromErrno, type NextStep } from "../failure.ts";
import type { Home } from "./locate.ts";
import { shellWord } from "./shell-word.ts";

const elsewhere = "HOLDFAST_STATE_DIR=<directory> puts the state elsewhere.";

/**
 * Makes the state directory (mode 0700) with `claims/`, `queue/`, `sessions/` and a `.gitignore` of its own, or what is
 * missing of it. Costs four lstat calls when all is there. Safe to call from several processes at once.
 * @throws Failure `NOT_PERMITTED` for a directory that another user could tamper with; `CANNOT_CREATE`, `IO`
 */
export function ensureState(home: Home): void {
  if (checkState(home) === "missing") {
    attempt("create the state directory", home.state, () => makeDirectory(home.state));
    if (checkState(home) === "missing") {
      throw new Failure("CANNOT_CREATE", `The state directory was removed while it was made\n${home.state}`, {
        facts: { path: home.state },
      });
    }
  }
  const missing = [home.claims, home.queue, home.sessions].filter((path) => inspect(path) === undefined);
  if (missing.length === 0) return;
  // First, so that no crash can leave a directory that looks complete and is not ignored.
  createOnce("create", join(home.state, ".gitignore"), (path) =>
    writeFileSync(path, "*\n", { flag: "wx", mode: 0o600 }),
  );
  for (const path of missing) createOnce("create", path, () => mkdirSync(path, { mode: 0o700 }));
}

/**
 * For readers: whether there is a state directory, and that nobody else could have tampered with it. Never creates.
 * @throws Failure `NOT_PERMITTED` when it is a symbolic link, another user's, or writable by others
 */
export function checkState(home: Home): "ready" | "missing" {
  const stats = inspect(home.state);
  if (stats === undefined) return "missing";
  const userId = process.geteuid?.();
  if (userId !== undefined) {
    if (stats.uid !== userId) {
      throw refused(home.state, `it belongs to user id ${stats.uid}, and this process runs as ${userId}`, [
        "Run holdfast as the user it belongs to.",
        elsewhere,
      ]);
    }
    if ((stats.mode & 0o022) !== 0) {
      const mode = (stats.mode & 0o7777).toString(8).padStart(4, "0");
      throw refused(
        home.state,
        `other users can write to it (mode ${mode})`,
        ["If only you have written to it so far, take that right away.", elsewhere],
        [{ does: "take it away", command: `chmod 700 ${shellWord(home.state)}` }],
      );
    }
  }
  return "ready";
}

/** lstat of something that must be a real directory, if it exists. */
function inspect(path: string): Stats | undefined {
  const stats = attempt("look at the state directory", path, () => lstatSync(path, { throwIfNoEntry: false }));
  if (stats === undefined || stats.isDirectory()) return stats;
  const reason = stats.isSymbolicLink() ? "it is a symbolic link" : "it is not a directory";
  throw refused(path, reason, ["Remove or rename it.", elsewhere]);
}

function refused(path: string, reason: string, ways: readonly string[], next: readonly NextStep[] = []): Failure {
  return new Failure("NOT_PERMITTED", `The state directory cannot be trusted: ${reason}\n${path}\n${ways.join("\n")}`, {
    next,
    facts: { path, reason },
  });
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
