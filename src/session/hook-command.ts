import type { ChildProcess } from "node:child_process";
import { closeSync, openSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { errorText } from "../failure.ts";
import { systemClock } from "../process/clock.ts";

export interface HookCommand {
  /** For `/bin/sh -c`. */
  readonly command: string;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** All of its stdin. */
  readonly input: string;
  /** Where a file may be made for a moment. */
  readonly directory: string;
  readonly timeoutMs: number;
}

/** How a hook failed. */
export interface HookFailure {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly message: string;
}

const wordsKeptBytes = 1024;
/** How long the last words of a hook that failed are waited for, when something it left keeps its stderr open. */
const lastWordsMs = 100;

/**
 * Runs a hook's command in a session and process group of its own, with nothing of ours but stdin and stderr. After
 * `timeoutMs` its group is killed. What it leaves when it exits is left alone.
 * @returns null when it exited with 0; never rejects
 */
export async function runHookCommand(hook: HookCommand): Promise<HookFailure | null> {
  try {
    return await superviseHook(await spawnHook(hook), hook.timeoutMs);
  } catch (error) {
    return { exitCode: null, signal: null, message: errorText(error) };
  }
}

async function spawnHook({ command, cwd, env, input, directory }: HookCommand): Promise<ChildProcess> {
  // Late: commands that start nothing do without it, and it takes 2 ms to load.
  const { spawn } = await import("node:child_process");
  const stdin = openInput(directory, input);
  try {
    return spawn("/bin/sh", ["-c", command], { cwd, env, detached: true, stdio: [stdin, "ignore", "pipe"] });
  } finally {
    closeSync(stdin);
  }
}

/**
 * A file without a name, and not a pipe: Node's pipes are sockets, on which `cat /dev/stdin` fails, and a hook that
 * reads nothing would leave something to be written.
 */
function openInput(directory: string, input: string): number {
  const path = join(directory, `.hook-${process.pid}-${process.hrtime.bigint()}`);
  const descriptor = openSync(path, "wx+", 0o600);
  try {
    unlinkSync(path);
    const bytes = Buffer.from(input);
    // At a position: the offset, which the hook inherits, stays at the beginning.
    if (writeSync(descriptor, bytes, 0, bytes.length, 0) < bytes.length) throw new Error("the disk is full");
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function superviseHook(child: ChildProcess, timeoutMs: number): Promise<HookFailure | null> {
  const words = lastWordsOf(child);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      killGroup(child);
      resolve({ exitCode: null, signal: "SIGKILL", message: `it took longer than ${timeoutMs / 1000} s` });
    }, timeoutMs);
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    // Not `close`: what it leaves in the background may keep its stderr open.
    child.once("exit", (exitCode, signal) => {
      clearTimeout(timer);
      if (exitCode === 0) resolve(null);
      else void words().then((message) => resolve({ exitCode, signal, message }));
    });
  });
}

/** Collects the end of what the child writes to stderr; gives it when that is complete, or after a moment. */
function lastWordsOf(child: ChildProcess): () => Promise<string> {
  let words = Buffer.alloc(0);
  const complete = new AbortController();
  child.stderr?.on("data", (chunk: Buffer) => {
    words = Buffer.concat([words, chunk]).subarray(-wordsKeptBytes);
  });
  child.once("close", () => complete.abort());
  return async () => {
    await systemClock.sleep(lastWordsMs, complete.signal);
    // The cut may have gone through a character.
    return words
      .toString("utf8")
      .replace(/^\ufffd+/, "")
      .trim();
  };
}

/** Its PID is certain: Node has not reaped it yet, or it would have told its exit. */
function killGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Only its zombie was left.
  }
}
