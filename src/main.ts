import { existsSync } from "node:fs";
import { exitCodes } from "./cli/exit-codes.ts";
import { invocationOf, wantsJson, type GlobalOptions } from "./cli/globals.ts";
import { BrokenPipe, openOutputStream, UnwrittenAnswer } from "./cli/present/output-stream.ts";
import { openPresenter } from "./cli/present/open-presenter.ts";
import type { Presenter } from "./cli/present/presenter.ts";
import { runProgram } from "./cli/program.ts";
import { errorText, Failure } from "./failure.ts";
import { version } from "../package.json";

const beforeExit: (() => Promise<void>)[] = [];

/** The composition root: puts the parts together, runs one command line, and alone decides how the process exits. */
async function main(argv: readonly string[]): Promise<number> {
  try {
    return await answer(argv);
  } catch (error) {
    if (error instanceof BrokenPipe) return brokenPipeCode;
    throw error;
  }
}

/** @throws BrokenPipe when the answer, or the failure that is the answer, could be told nobody */
async function answer(argv: readonly string[]): Promise<number> {
  let presenter: Promise<Presenter> | undefined;
  let globals = undecided(argv);
  const show = (as?: "json") => (presenter ??= present(as === "json" ? { ...globals, json: true } : globals));
  const tell = async (failure: Failure, presenting: Promise<Presenter>): Promise<number> => {
    (await presenting).failure(failure);
    return exitCodes[failure.code];
  };
  try {
    return await runProgram(argv, {
      version,
      env: process.env,
      open: (given) => ({
        globals: (globals = given),
        show,
        env: process.env,
        cwd: currentDirectory(),
        beforeExit: (task) => void beforeExit.push(task),
        // A getter, as the streams are: opening one costs a millisecond that a command without output saves.
        get interactive() {
          return process.stdin.isTTY && process.stdout.isTTY;
        },
      }),
      print: (text) => openOutputStream(1).write(text),
    });
  } catch (error) {
    if (error instanceof BrokenPipe) throw error;
    // For people, on stderr: where a program would read it, nothing can be written.
    const asText = () => present({ ...globals, json: false });
    if (error instanceof UnwrittenAnswer) return tell(unwritten(error), asText());
    const failure = error instanceof Failure ? error : bug(error);
    const tellBoth = async (lost: unknown): Promise<number> => {
      if (!(lost instanceof UnwrittenAnswer)) throw lost;
      await tell(failure, asText());
      return tell(unwritten(lost), asText());
    };
    return tell(failure, show()).catch(tellBoth);
  }
}

function present(globals: GlobalOptions): Promise<Presenter> {
  const { json, quiet, verbose, color } = globals;
  const [stdout, stderr] = [openOutputStream(1), openOutputStream(2)];
  const invocation = invocationOf(globals);
  const unicode = hasUnicode(process.env);
  const cwd = currentDirectory();
  return openPresenter({ json, quiet, verbose, color, unicode, stdout, stderr, invocation, cwd, env: process.env });
}

/**
 * Where this process is; where it was, when somebody has removed that: whoever needs it finds out, and says so. PWD does
 * not tell where that is a directory that exists: it is another one.
 */
function currentDirectory(): string {
  try {
    return process.cwd();
  } catch {
    const was = process.env["PWD"];
    return was && !existsSync(was) ? was : "/(a directory that was removed: go into one that is there)";
  }
}

/** 128 + SIGPIPE, as the shell reports programs that end when nobody reads them any more. */
const brokenPipeCode = 141;

/** Global options for a command line that could not be understood. */
function undecided(argv: readonly string[]): GlobalOptions {
  const json = wantsJson(argv, process.env);
  return { dir: undefined, lock: undefined, json, quiet: false, verbose: false, color: undefined };
}

function hasUnicode(env: NodeJS.ProcessEnv): boolean {
  if (env["TERM"] === "linux" || env["TERM"] === "dumb") return false;
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "";
  return /utf-?8/i.test(locale);
}

function unwritten({ message, isDone }: UnwrittenAnswer): Failure {
  const done = isDone ? "\nWhat was asked for has been done." : "";
  return new Failure("IO", message + done);
}

function bug(error: unknown): Failure {
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new Failure("INTERNAL", `This is a bug in holdfast: ${errorText(error)}`, { facts: { trace }, cause: error });
}

// A wait for something that never comes ends the process when nothing else is left to do. That is no success.
process.exitCode = exitCodes.INTERNAL;

main(process.argv.slice(2)).then(
  async (code) => {
    await Promise.all(beforeExit.map((task) => task()));
    // A waiter that gave up has a thread that still waits in the kernel: only an explicit exit ends the process.
    process.exit(code);
  },
  (error: unknown) => {
    openOutputStream(2).write(`${errorText(error)}\n`);
    process.exit(exitCodes.INTERNAL);
  },
);
