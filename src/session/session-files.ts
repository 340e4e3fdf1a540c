import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
  type Stats,
} from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf, Failure, failureFromErrno } from "../failure.ts";
import type { Home } from "../home/locate.ts";
import { uidPattern } from "../home/names.ts";
import { readOwnFile } from "../home/own-file.ts";
import { shellWord } from "../home/shell-word.ts";

/** The files of one session, all below `sessions/<uid>/`. */
export interface SessionFiles {
  readonly directory: string;
  /** What the agent wrote. */
  readonly output: string;
  /** From where on it is kept. */
  readonly outputCut: string;
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

/** Only says where they are: none of them need be there. */
export function sessionFiles(home: Home, uid: string): SessionFiles {
  const directory = home.sessionDir(uid);
  return {
    directory,
    output: join(directory, "output.log"),
    outputCut: join(directory, "output.json"),
    tmuxLog: join(directory, "tmux.log"),
    record: join(directory, "record.json"),
    keeperLog: join(directory, "keeper.log"),
    stop: join(directory, "stop.json"),
    orphaned: join(directory, "orphaned.json"),
    clients: join(directory, "clients"),
  };
}

/** Whether a text can be a session's uid, and so a directory's name. */
export function isUid(text: string): boolean {
  return uidPattern.test(text);
}

/** The uids of all sessions that have a directory, active or ended, in no order. */
export function sessionUids(home: Home): string[] {
  try {
    // A link would lead to files that are none of ours.
    return readdirSync(home.sessions, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && isUid(entry.name))
      .map(({ name }) => name);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw failureFromErrno(error, "list the sessions", home.sessions);
  }
}

/** @throws Failure `NOT_PERMITTED` when there is a link in its place, which may lead anywhere */
export function makeSessionDirectory(files: SessionFiles): void {
  for (const path of [files.directory, files.clients]) {
    if (isDirectory(path)) continue;
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") {
        throw failureFromErrno(error, "create the session's directory", files.directory);
      }
    }
    if (isDirectory(path)) continue;
    throw new Failure("NOT_PERMITTED", `The session's directory cannot be trusted: it is not a directory\n${path}`, {
      facts: { path },
      next: [{ does: "remove it", command: `rm ${shellWord(path)}` }],
    });
  }
}

/** Whether there is a directory, and not a link to one. */
export function isDirectory(path: string): boolean {
  return statOf(path)?.isDirectory() ?? false;
}

/** What is there, without following a link; null when there is nothing, or it cannot be looked at. */
export function statOf(path: string): Stats | null {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) ?? null;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return null;
  }
}

/** With all that is in it. Does nothing when it is gone already. @throws Failure when it cannot be removed */
export function removeSessionDirectory(files: SessionFiles): void {
  try {
    rmSync(files.directory, { recursive: true, force: true });
  } catch (error) {
    throw failureFromErrno(error, "remove the session's directory", files.directory);
  }
}

/** Replaces a small JSON file in one step: a reader sees the old or the new one, whole. */
export function writeJson(path: string, value: unknown): void {
  const temporary = temporaryPath(path);
  try {
    writeNew(temporary, value);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw failureFromErrno(error, "write a file", path);
  }
}

/** Creates a small JSON file; false when it exists already. */
export function createJson(path: string, value: unknown): boolean {
  const temporary = temporaryPath(path);
  try {
    writeNew(temporary, value);
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw failureFromErrno(error, "write a file", path);
  } finally {
    rmSync(temporary, { force: true });
  }
}

function temporaryPath(path: string): string {
  return `${path}.${process.pid}-${Math.random().toString(36).slice(2, 10)}.new`;
}

/** Exclusively: what somebody has put there, perhaps a link to another file, is not written to. */
function writeNew(path: string, value: unknown): void {
  writeFileSync(path, `${JSON.stringify(value)}\n`, { mode: 0o600, flag: "wx" });
}

/**
 * Null when the file does not exist or holds no JSON: such a file is never trusted, only looked at.
 * @throws Failure `NOT_PERMITTED` when it may be another user's doing
 */
export function readJson(path: string): unknown {
  const text = readOwnFile(path);
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * Removes a file when that is on record: neither comes without the other, nor twice. When it cannot be written down, the
 * file stays where it was, and its directory as old as it was.
 * @param record writes it down; called only for the one caller that really removes the file
 * @returns whether this was that caller
 */
export function removeOnRecord(path: string, record: () => void): boolean {
  const aside = `${path}.leaving`;
  const before = statOf(dirname(path));
  if (!moveOnce(path, aside)) return false;
  try {
    record();
  } catch (error) {
    moveOnce(aside, path);
    if (before !== null) setTimes(dirname(path), before);
    throw error;
  }
  rmSync(aside, { force: true });
  return true;
}

/** True for the one caller that really moved it. */
function moveOnce(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw failureFromErrno(error, "remove a file", from);
  }
}

/** Of a directory that is gone, or another user's, nobody asks for its times. */
function setTimes(directory: string, { atime, mtime }: Stats): void {
  try {
    utimesSync(directory, atime, mtime);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}
