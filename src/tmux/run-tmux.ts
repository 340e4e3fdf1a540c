import type { ChildProcess, SpawnOptions, StdioOptions } from "node:child_process";
import { errorText } from "../failure.ts";

export interface TmuxCall {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** What the server that this call starts inherits; nothing but what it answers with when absent. */
  readonly stdio?: StdioOptions;
  /** All of its stdin; empty when absent. */
  readonly input?: string;
}

export interface TmuxAnswer {
  readonly ok: boolean;
  readonly stdout: string;
  /** What tmux says went wrong, on one line; empty when it said nothing. */
  readonly problem: string;
}

/** A server that is stopped or hangs never answers: it listens, and that is all. */
const patienceMs = 3_000;

/**
 * Calls tmux, and returns when it has answered, or has not in time: then, and when it cannot be run at all, it has
 * failed. Never rejects.
 */
export async function runTmux(
  words: readonly string[],
  { env, cwd = "/", stdio, input = "" }: TmuxCall,
): Promise<TmuxAnswer> {
  // Late: hardly any command needs it, and it takes 2 ms to load.
  const { spawn } = await import("node:child_process");
  const options: SpawnOptions = {
    cwd,
    env: outsideTmux(env),
    stdio: stdio ?? [input === "" ? "ignore" : "pipe", "pipe", "pipe"],
    timeout: patienceMs,
    killSignal: "SIGKILL",
  };
  let child: ChildProcess;
  try {
    child = spawn("tmux", words, options);
  } catch (error) {
    // Some errors of the system Node throws, such as ENOMEM.
    return { ok: false, stdout: "", problem: errorText(error) };
  }
  return new Promise((resolve) => {
    // It may be gone before it has read all.
    child.stdin?.on("error", () => undefined).end(input);
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
    child.once("error", (error) => resolve({ ok: false, stdout: "", problem: error.message }));
    child.once("close", (code) => {
      resolve({ ok: code === 0, stdout: stdout(), problem: stderr().trim().split("\n")[0] ?? "" });
    });
    child.once("exit", (_, signal) => {
      if (signal === null) return;
      // Not `close`: a server that hangs has been sent the other ends of these streams, and keeps them open.
      child.stdout?.destroy();
      child.stderr?.destroy();
      resolve({ ok: false, stdout: "", problem: `tmux did not answer within ${patienceMs / 1000} s` });
    });
  });
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  const chunks: Buffer[] = [];
  stream?.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString("utf8");
}

/** An environment without a tmux that this process itself may run in: it is another one that is meant. */
export function outsideTmux(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { TMUX: _, TMUX_PANE: __, ...rest } = env;
  return rest;
}
