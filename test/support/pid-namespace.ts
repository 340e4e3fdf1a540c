import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { childrenOf, isAlive } from "./live-processes.ts";
import type { Outcome, RunningProgram } from "./program.ts";
import { until } from "./until.ts";
import { bin, type CallOptions, type Workspace } from "./workspace.ts";

const unshare = ["unshare", "--pid", "--mount-proc", "--fork", "--kill-child"] as const;

/** Why no PID namespace can be made here; null when it can. */
export const whyNoPidNamespace = whyNot();

function whyNot(): string | null {
  const [program, ...options] = unshare;
  const { status, error, stderr } = spawnSync(program, [...options, "true"], { encoding: "utf8" });
  return status === 0 ? null : `${program}: ${error?.message ?? stderr.trim()}`;
}

/** A PID namespace with a /proc of its own and the same files, as a container has that shares a directory. */
export class PidNamespace {
  readonly #workspace: Workspace;
  readonly #outer: RunningProgram;
  /** Its first process, as it is called outside. */
  readonly #init: number;

  private constructor(workspace: Workspace, outer: RunningProgram, init: number) {
    this.#workspace = workspace;
    this.#outer = outer;
    this.#init = init;
  }

  static async open(workspace: Workspace): Promise<PidNamespace> {
    // A shell that waits reaps whoever has lost its parents, as an init does.
    const outer = workspace.spawn([...unshare, "sh", "-c", "while :; do sleep 1; done"]);
    const init = await until(() => childrenOf(outer.pid).find((pid) => isAlive(pid)), {
      what: "the namespace is there",
    });
    const own = readlinkSync("/proc/self/ns/pid");
    await until(() => readlinkSync(`/proc/${init}/ns/pid`) !== own && childrenOf(init).length > 0);
    return new PidNamespace(workspace, outer, init);
  }

  /** As `Workspace.holdfast`, inside. */
  holdfast(args: readonly string[], options: CallOptions = {}): Promise<Outcome> {
    const { root } = this.#workspace;
    const enter = ["nsenter", `--target=${this.#init}`, "--pid", "--mount", `--wd=${root}`, "--"];
    // Called by a shell in there: the parent of what enters is outside, and has no PID inside.
    const call = ["sh", "-c", '"$@"; exit $?', "sh", process.execPath, bin, ...args];
    return this.#workspace.spawn([...enter, ...call], { ...options, input: "" }).ended;
  }

  /** What the process that has this PID inside is called outside. */
  outerPid(inner: number): number {
    const found = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && innerPid(name, this.#init) === inner);
    if (found.length !== 1) throw new Error(`${found.length} processes have the PID ${inner} inside`);
    return Number(found[0]);
  }

  /** Kills everything in it. */
  async kill(): Promise<void> {
    this.#outer.signal("SIGKILL");
    await until(() => !isAlive(this.#init));
  }
}

/** The PID that a process has in the innermost namespace it is in, if that is the one of `init`. */
function innerPid(pid: string, init: number): number | null {
  try {
    if (readlinkSync(`/proc/${pid}/ns/pid`) !== readlinkSync(`/proc/${init}/ns/pid`)) return null;
    const numbers = /^NSpid:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
    return Number(numbers.split(/\s+/).at(-1));
  } catch {
    return null;
  }
}
