import { lstatSync } from "node:fs";
import type { Locality, ProcessIdentity } from "./identity.ts";
import { readProcFile } from "./proc-files.ts";
import type { ProcMachine } from "./proc-machine.ts";
import { isZombie, readStat, type ProcStat } from "./proc-stat.ts";
import { stateOfLetter } from "./process-state.ts";
import { goneUid, type ProcessEntry, type ProcessState } from "./table.ts";
import { terminalName } from "./terminal-name.ts";
import type { UserNames } from "./user-names.ts";

/** What all entries of one listing share. */
export interface ProcfsShared extends Locality {
  readonly users: UserNames;
  readonly machine: () => ProcMachine;
}

/** A process of /proc: its stat line, and the rest when it is asked for. */
export class ProcfsEntry implements ProcessEntry {
  readonly #stat: ProcStat;
  readonly #shared: ProcfsShared;
  #uid: number | undefined;
  #argv: readonly string[] | undefined;

  constructor(stat: ProcStat, shared: ProcfsShared) {
    this.#stat = stat;
    this.#shared = shared;
  }

  get identity(): ProcessIdentity {
    const { boot, pid_ns, host } = this.#shared;
    return { pid: this.#stat.pid, started: this.#stat.started, boot, pid_ns, host };
  }

  get pid(): number {
    return this.#stat.pid;
  }

  get ppid(): number {
    return this.#stat.ppid;
  }

  get pgid(): number {
    return this.#stat.pgid;
  }

  get sid(): number {
    return this.#stat.sid;
  }

  get name(): string {
    return this.#stat.name;
  }

  get state(): ProcessState {
    const state = stateOfLetter(this.#stat.state);
    // Its first thread has ended and others go on: the letter says nothing about those.
    return state === "zombie" && !isZombie(this.#stat) ? "other" : state;
  }

  get startedAt(): Date {
    const { bootedAtMs, ticksPerSecond } = this.#shared.machine();
    return new Date(bootedAtMs + (Number(this.#stat.started) / ticksPerSecond) * 1000);
  }

  get cpuSeconds(): number {
    return this.#stat.cpuTicks / this.#shared.machine().ticksPerSecond;
  }

  get cpuPercent(): number {
    const lifeSeconds = (Date.now() - this.startedAt.getTime()) / 1000;
    return lifeSeconds > 0 ? (this.cpuSeconds / lifeSeconds) * 100 : 0;
  }

  get residentBytes(): number {
    return this.#stat.residentPages * this.#shared.machine().pageBytes;
  }

  get tty(): string | null {
    return terminalName(this.#stat.ttyNumber);
  }

  /** The directory /proc/PID belongs to the effective user, also when its files belong to root. */
  get uid(): number {
    this.#uid ??= this.#ifStillThis(() => lstatSync(`/proc/${this.pid}`, { throwIfNoEntry: false })?.uid) ?? goneUid;
    return this.#uid;
  }

  get user(): string {
    if (this.uid === goneUid) return "?";
    return this.#shared.users.nameOf(this.uid) ?? String(this.uid);
  }

  get argv(): readonly string[] {
    this.#argv ??= this.#ifStillThis(() => this.#readArguments()) ?? [];
    return this.#argv;
  }

  get command(): string {
    return this.argv.length === 0 ? `[${this.name}]` : this.argv.join(" ");
  }

  /** While a process becomes another program, it seems to have none for a moment; see `ProcfsTable.variablesOf`. */
  #readArguments(): readonly string[] | undefined {
    const hasSome = !this.#stat.isKernelThread && this.state !== "zombie";
    for (let looks = 0; looks < 20; looks += 1) {
      const found = readArguments(this.pid);
      if (found === undefined || found.length > 0 || !hasSome) return found;
    }
    return [];
  }

  /** The PID may be another's by now: what was read counts only if this process is there after reading it. */
  #ifStillThis<T>(read: () => T | undefined): T | undefined {
    const value = read();
    const stat = readStat(this.pid);
    return typeof stat !== "string" && stat.started === this.#stat.started ? value : undefined;
  }
}

/** The arguments of the process that has this PID now; undefined when they cannot be read. */
export function readArguments(pid: number): readonly string[] | undefined {
  const bytes = readProcFile(`/proc/${pid}/cmdline`);
  return typeof bytes === "string" ? undefined : parseCommandLine(bytes.toString("utf8"));
}

/** Arguments each end with NUL. A program that renames itself may leave padding behind, or no NUL at all. */
function parseCommandLine(text: string): readonly string[] {
  let end = text.length;
  // By hand: a pattern would begin anew at each of the empty arguments, of which there may be 200,000.
  while (end > 0 && text[end - 1] === "\0") end -= 1;
  return end === 0 ? [] : text.slice(0, end).split("\0");
}
