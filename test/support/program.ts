import { execa } from "execa";

/** What `JSON.parse` gives: a test says what it expects of it by asserting it. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any;

/** How a program ended, and what it said. */
export interface Outcome {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly elapsedMs: number;
  /** The one JSON document on stdout. @throws Error when there is none, or anything beside it */
  json(): Json;
  /** The JSON documents on stdout, one a line. */
  jsonLines(): Json[];
}

/** A program that has been started. */
export interface RunningProgram {
  readonly pid: number;
  /** What it has said so far. */
  stdout(): string;
  stderr(): string;
  readonly ended: Promise<Outcome>;
  /** Does nothing when it has ended. */
  signal(signal: NodeJS.Signals): void;
  write(text: string): void;
  closeInput(): void;
}

export interface ProgramOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** All of its stdin; undefined leaves it open. */
  readonly input: string | undefined;
}

/** Starts a program with exactly this environment, its three streams being pipes. */
export function startProgram(command: readonly string[], options: ProgramOptions): RunningProgram {
  const [file = "", ...args] = command;
  const { cwd, env, input } = options;
  const startedMs = performance.now();
  const said = { stdout: "", stderr: "" };
  const child = execa(file, args, {
    cwd,
    env,
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
    ...(input === undefined ? { stdin: "pipe" as const } : { input }),
  });
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (text: string) => (said[stream] += text));
  }
  return {
    pid: child.pid ?? 0,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    ended: child.then(({ exitCode, signal, stdout, stderr }) => ({
      exitCode: exitCode ?? null,
      signal: signal ?? null,
      stdout,
      stderr,
      elapsedMs: performance.now() - startedMs,
      json: () => onlyDocument(stdout),
      jsonLines: () => documents(stdout),
    })),
    signal: (signal) => void child.kill(signal),
    write: (text) => void child.stdin.write(text),
    closeInput: () => void child.stdin.end(),
  };
}

function onlyDocument(stdout: string): unknown {
  const found = documents(stdout);
  if (found.length !== 1) throw new Error(`Expected one JSON document on stdout, found ${found.length}:\n${stdout}`);
  return found[0];
}

function documents(stdout: string): unknown[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as unknown);
}
