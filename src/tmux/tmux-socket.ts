import { lstatSync, mkdirSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { errnoOf, errnoText, Failure, failureFromErrno } from "../failure.ts";

/** What a path of a socket may have, with its end: sun_path of unix(7), and of macOS. */
const longestPathBytes = process.platform === "linux" ? 107 : 103;

/**
 * Where the tmux server of a session listens: beside the sockets of the user's own servers, under a name that is this
 * session's alone, and tells whose state directory it belongs to.
 * @throws Failure `UNAVAILABLE` when no socket can have a path so long
 */
export function tmuxSocket(state: string, uid: string, env: NodeJS.ProcessEnv): string {
  const path = join(socketDirectory(env), socketName(state, uid));
  if (Buffer.byteLength(path) > longestPathBytes) {
    throw new Failure(
      "UNAVAILABLE",
      `The socket of tmux would have too long a path: set TMUX_TMPDIR to a shorter one\n${path}`,
      {
        facts: { path },
      },
    );
  }
  return path;
}

/** Whether this is how the socket of that session is called; no other is ever touched in its name. */
export function isSocketOf(path: string, state: string, uid: string): boolean {
  return basename(path) === socketName(state, uid);
}

/** The sockets of one state directory, and whose sessions they are; also those nobody listens at any more. */
export function listTmuxSockets(
  state: string,
  env: NodeJS.ProcessEnv,
): readonly { readonly path: string; readonly uid: string }[] {
  const directory = socketDirectory(env);
  const prefix = socketName(state, "");
  let names: string[];
  try {
    // No server of this user's listens where somebody else has put something in its place.
    if (distrustDirectory(directory) !== null) return [];
    names = readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw failureFromErrno(error, "list the sockets of tmux", directory);
  }
  return names
    .filter((name) => name.startsWith(prefix) && /^[0-9a-z]{10,40}$/.test(name.slice(prefix.length)))
    .map((name) => ({ path: join(directory, name), uid: name.slice(prefix.length) }));
}

/**
 * Makes the directory of a socket, as tmux does.
 * @throws Failure `NOT_PERMITTED` when another user could have put something there
 */
export function ensureSocketDirectory(socket: string): void {
  const directory = dirname(socket);
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) !== "EEXIST")
      throw failureFromErrno(error, "make the directory for the socket of tmux", directory);
  }
  const problem = distrust(socket);
  if (problem !== null) {
    throw new Failure("NOT_PERMITTED", `The socket of tmux cannot be trusted: ${problem}\n${socket}`, {
      facts: { path: socket, reason: problem },
    });
  }
}

/** Why another user could have planted what is there; null when none could, or nothing is there. Never throws. */
export function distrust(socket: string): string | null {
  try {
    return distrustDirectory(dirname(socket)) ?? distrustFile(socket);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    return `it cannot be looked at: ${errnoText(errno)}`;
  }
}

function distrustDirectory(path: string): string | null {
  const directory = lstatSync(path, { throwIfNoEntry: false });
  if (directory === undefined) return null;
  if (!directory.isDirectory()) return "its directory is none, or a symbolic link";
  if (directory.uid !== process.geteuid?.()) return `its directory belongs to user id ${directory.uid}`;
  return (directory.mode & 0o022) === 0 ? null : "other users can write to its directory";
}

function distrustFile(path: string): string | null {
  const file = lstatSync(path, { throwIfNoEntry: false });
  if (file === undefined) return null;
  if (!file.isSocket()) return "it is no socket";
  return file.uid === process.geteuid?.() ? null : `it belongs to user id ${file.uid}`;
}

/** Removes a socket that nobody listens at: tmux leaves it when it ends. */
export function removeSocket(socket: string): void {
  if (distrust(socket) === null) rmSync(socket, { force: true });
}

function socketName(state: string, uid: string): string {
  return `holdfast-${shortHash(realDirectory(state) ?? state)}-${uid}`;
}

/** As tmux chooses it: `tmux-<user id>` in TMUX_TMPDIR, if there is such a directory, else in /tmp. */
function socketDirectory(env: NodeJS.ProcessEnv): string {
  return join(realDirectory(env["TMUX_TMPDIR"]) ?? realDirectory("/tmp") ?? "/tmp", `tmux-${process.getuid?.() ?? 0}`);
}

function realDirectory(path: string | undefined): string | null {
  try {
    return path ? realpathSync(path) : null;
  } catch {
    return null;
  }
}

/** FNV-1a in 32 bits: tells directories apart in a name, and proves nothing; cryptography takes 3 ms to load. */
function shortHash(text: string): string {
  let hash = 0x81_1c_9d_c5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01_00_01_93);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
