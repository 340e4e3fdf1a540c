import { spawn, type ChildProcess } from "node:child_process";
import { statSync } from "node:fs";
import { Duplex } from "node:stream";
import { shellWord } from "../home/shell-word.ts";
import { systemClock } from "../process/clock.ts";
import { findProgram, hasInterpreter, isExecutable } from "../process/find-program.ts";
import { identify, type ProcessIdentity } from "../process/identity.ts";
import { newestPid } from "../process/pid-window.ts";
import { withClaim, type StdioList } from "../session/claim-descriptor.ts";
import { exitEventOf, type Agent, type AgentExit, type AgentSpec } from "./agent.ts";

/** Where a standby is told its token. A shell can name 0 to 9, and from 3 on a command finds none of these open. */
const pipeDescriptor = 9;
/** Any shell that POSIX would call sh(1) is as good. */
const systemShell = "/bin/sh";
/** Not any `env` that `PATH` may lead to. Where there is none, nothing is made ahead. */
const environmentTeller = "/usr/bin/env";
/** A shell becomes another program within this time. Until then it needs the processor more than its keeper does. */
const beginsWithinMs = 5;
const tokenVariable = "HOLDFAST_TOKEN";

/** What a shell may add to the environment of what it executes. */
const shellsOwn = ["PWD", "OLDPWD", "SHLVL", "_"] as const;

/** What it sets right when it begins: whoever starts a program in another directory seldom thinks of it. */
const shellsCorrect = ["PWD", "OLDPWD"] as const;

interface Shell {
  /** Which file its working directory was when it was spawned. */
  readonly directory: string;
  readonly child: ChildProcess;
  readonly identity: ProcessIdentity;
  readonly pipe: Duplex;
}

/**
 * A command's process, made while its turn has not come: a shell that waits for its token, and then becomes the command.
 * Forking a process of Node's size takes longer than all the rest of a hand-over, and a line of text into a pipe hardly
 * anything. If this process dies, the shell reads the end of the pipe and is gone.
 */
export class Standby {
  readonly #spec: AgentSpec;
  readonly #program: string;
  readonly #shell: Shell;
  readonly #exited: Promise<AgentExit>;
  #isGone = false;

  private constructor(spec: AgentSpec, program: string, shell: Shell) {
    this.#spec = spec;
    this.#program = program;
    this.#shell = shell;
    this.#exited = exitEventOf(shell.child);
    shell.child.once("exit", () => (this.#isGone = true));
    // Whoever is gone reads nothing more; its exit tells.
    shell.pipe.on("error", () => undefined);
    // The first write to a pipe takes a process the longest. This one is read as a line that says nothing.
    shell.pipe.write("\n");
  }

  /**
   * @param spec of the command in its turn, but for the token, which is not known yet; its environment is one that the
   *   shell `passesOn`
   * @returns null when it has to be started in the usual way, when its turn has come: then that fails, if it has to
   */
  static make(spec: AgentSpec, shell = systemShell): Standby | null {
    const [name = "", ...args] = spec.command;
    const searchPath = spec.env["PATH"];
    // `exec -x` and `PATH=%func` mean something to a shell.
    if (name.startsWith("-") || searchPath === undefined || searchPath.includes("%")) return null;
    if (Object.keys(spec.env).some(isForShells)) return null;
    const program = findProgram(name, spec);
    if (typeof program === "string" || !hasInterpreter(program.path, spec.cwd)) return null;
    const env = { ...spec.env, [tokenVariable]: "" };
    const directory = fileAt(spec.cwd);
    const script = [
      `read -r ${tokenVariable} <&${pipeDescriptor} || exit 126`,
      // The end of the pipe before a token came is the end of this process.
      `IFS= read -r ${tokenVariable} <&${pipeDescriptor} || exit 126`,
      `exec "$@" ${pipeDescriptor}>&-`,
    ];
    const child = spawn(shell, ["-c", scriptOf(env, script), "holdfast", name, ...args], {
      cwd: spec.cwd,
      env,
      stdio: withPipe(withClaim(["inherit", "inherit", "inherit"], spec.descriptor)),
    });
    child.on("error", () => undefined);
    const streams: readonly unknown[] = child.stdio;
    const pipe = streams[pipeDescriptor];
    // Becoming another program changes neither its PID nor when it was started.
    const identity = child.pid === undefined ? null : identify(child.pid);
    if (identity === null || !(pipe instanceof Duplex)) return null;
    return new Standby({ ...spec, env }, program.path, { directory, child, identity, pipe });
  }

  /**
   * @returns the command's agent, which begins when it is let go; null when it has to be started in the usual way, and
   *   nothing is left of this one then
   */
  async take(token: number): Promise<Agent | null> {
    if (!this.#isAsItWas()) {
      await this.end();
      return null;
    }
    const { identity, pipe } = this.#shell;
    const newest = newestPid() ?? 0;
    return {
      pid: identity.pid,
      identity,
      spawnedAtMs: systemClock.now(),
      // What says less than the shell's own is wrong, or the numbers have begun anew.
      sincePid: Math.max(newest, identity.pid),
      exited: this.#exited,
      outputFromByte: 0,
      letGo: () => {
        // Closed now, there is nothing left of it to be done when the command ends, and somebody waits for that.
        pipe.end(`${token}\n`, () => pipe.destroy());
        return this.#beginning();
      },
    };
  }

  /** A moment in which this process leaves the processor to its command; the command's end ends it. */
  async #beginning(): Promise<void> {
    const over = new AbortController();
    await Promise.race([this.#exited, systemClock.sleep(beginsWithinMs, over.signal)]);
    over.abort();
  }

  /** Ends it; the command has not begun. */
  async end(): Promise<void> {
    this.#shell.pipe.destroy();
    this.#shell.child.kill("SIGKILL");
    await this.#exited;
  }

  /** The program and the working directory are to be those that there are when its turn has come. */
  #isAsItWas(): boolean {
    return !this.#isGone && this.#shell.directory === fileAt(this.#spec.cwd) && isExecutable(this.#program);
  }
}

/**
 * Whether a shell hands on a command's very environment when it becomes it. That is not assumed but tried, with env(1):
 * some add variables, some drop those whose names they do not like, and each has some that are its own.
 */
export async function passesOn({ env, cwd }: Pick<AgentSpec, "env" | "cwd">, shell = systemShell): Promise<boolean> {
  const child = spawn(shell, ["-c", scriptOf(env, [`exec ${environmentTeller} -0`])], {
    cwd,
    env,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const passed = await new Promise<string>((resolve) => {
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
    child.once("error", () => resolve(""));
    child.once("close", () => resolve(said));
  });
  const wanted = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  return passed.split("\0").toSorted().join("\0") === ["", ...wanted].toSorted().join("\0");
}

/** By these bash would do or say something before the command has its turn: functions (`read`!), options (`xtrace`). */
function isForShells(name: string): boolean {
  return name.startsWith("BASH_FUNC_") || name === "SHELLOPTS" || name === "BASHOPTS";
}

function scriptOf(env: NodeJS.ProcessEnv, lines: readonly string[]): string {
  const added = shellsOwn.filter((name) => env[name] === undefined);
  const restored = shellsCorrect.flatMap((name) => (env[name] === undefined ? [] : `${name}=${shellWord(env[name])}`));
  return [...added.map((name) => `unset ${name}`), ...restored, ...lines].join("\n");
}

function withPipe(stdio: StdioList): StdioList {
  return Array.from({ length: Math.max(stdio.length, pipeDescriptor + 1) }, (_, index) =>
    index === pipeDescriptor ? "pipe" : (stdio[index] ?? "ignore"),
  );
}

/** Which file a path names; empty when it names none, or none that can be looked at. */
function fileAt(path: string): string {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return "";
  }
}
