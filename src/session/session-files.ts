import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, failureFromErrno } from "../failure.ts";
import type { Home } from "../home/locate.ts";

/** The files of one session, all below `sessions/<uid>/`. */
export interface SessionFiles {
  readonly directory: string;
  /** What the agent wrote. */
  readonly output: string;
  /** What its tmux session showed, as text, before it was ended. */
  readonly tmuxLog: string;
  /** The session and its end, once it has ended. */
  readonly record: string;
  /** What the keeper itself had to say, if it crashed. */
  readonly keeperLog: string;
  /** A request to stop, for the keeper to read. */
  readonly stop: string;
  /** Says that the loss of its keeper has been logged. */
  readonly orphaned: string;
  readonly clients: string;
}

export function sessionFiles(home: Home, uid: string): SessionFiles {
  const directory = home.sessionDir(uid);
  return {
    directory,
    output: join(directory, "output.log"),
    tmuxLog: join(directory, "tmux.log"),
    record: join(directory, "record.json"),
    keeperLog: join(directory, "keeper.log"),
    stop: join(directory, "stop.json"),
    orphaned: join(directory, "orphaned.json"),
    clients: join(directory, "clients"),
  };
}

/** The uids of all sessions that have a directory, active or ended, in no order. */
export function sessionUids(home: Home): string[] {
  try {
    return readdirSync(home.sessions).filter((name) => /^[0-9a-z]{10,40}$/.test(name));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw failureFromErrno(error, "list the sessions", home.sessions);
  }
}

export function makeSessionDirectory(files: SessionFiles): void {
  try {
    mkdirSync(files.clients, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw failureFromErrno(error, "create the session's directory", files.directory);
  }
}

export function removeSessionDirectory(files: SessionFiles): void {
  try {
    rmSync(files.directory, { recursive: true, force: true });
  } catch (error) {
    throw failureFromErrno(error, "remove the session's directory", files.directory);
  }
}

/** Replaces a small JSON file in one step: a reader sees the old or the new one, whole. */
export function writeJson(path: string, value: unknown): void {
  const temporary = `${path}.${process.pid}.new`;
  try {
    writeFileSync(temporary, `${JSON.stringify(value)}\n`, { mode: 0o600 });
    renameSync(temporary, path);
  } catch (error) {
    throw failureFromErrno(error, "write a file", path);
  }
}

/** Creates a small JSON file; false when it exists already. */
export function createJson(path: string, value: unknown): boolean {
  const temporary = `${path}.${process.pid}.new`;
  try {
    writeFileSync(temporary, `${JSON.stringify(value)}\n`, { mode: 0o600 });
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw failureFromErrno(error, "write a file", path);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Null when the file does not exist or holds no JSON: such a file is never trusted, only looked at. */
export function readJson(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return null;
    throw failureFromErrno(error, "read a file", path);
  }
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** True for the one caller that really removed it. */
export function removeOnce(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw failureFromErrno(error, "remove a file", path);
  }
}
