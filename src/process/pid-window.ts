import { statSync } from "node:fs";
import { readProcFile } from "./proc-files.ts";

/**
 * Long before a machine could give out all its PIDs once around: one CPU makes some 30 000 threads a second, and there are
 * mostly 32 768 PIDs.
 */
export const sureWithinMs = 250;
/** When nobody knows how many there are, what Linux has at least (pid_max(5), CONFIG_BASE_SMALL aside). */
const fewestPids = 32_768;

/** So many are looked up one by one; to list all that live takes no longer than to look up more. */
const fewMeans = 16;

let ofProc: boolean | undefined;

/** PIDs that have been given out. Most are used no more, and some are those of threads. */
export interface PidsSince {
  readonly has: (pid: number) => boolean;
  /** All of them, when they are few; none at all is an answer by itself. */
  readonly few: readonly number[] | null;
  /** The last one. */
  readonly newest: number;
}

/**
 * The PIDs that the kernel has given out since it gave out a certain one: that of a process, or the newest there was when
 * a process began its work. It gives them out in a circle, so as long as it has not gone round, whatever that process
 * has started since has one of them: few processes have to be looked at, and often none.
 */
export class PidWindow {
  readonly #first: number;
  #forksAtFirst: number | null;
  #pids: number | null = null;

  /**
   * @param first the PID after which they were given out
   * @param forks what `note` has returned once, of the same boot
   */
  constructor(first: number, forks: number | null = null) {
    this.#first = first;
    this.#forksAtFirst = forks;
  }

  /**
   * To be called soon; without it the window is known for a moment only.
   * @param ageMs how long ago that was
   * @returns how many processes and threads this machine has made so far; null when that is not known, or too late
   */
  note(ageMs: number): number | null {
    // Whoever stood still meanwhile does not know how many there were before.
    if (ageMs >= sureWithinMs) return null;
    this.#forksAtFirst = totalForks();
    this.#pids = howManyPids();
    return this.#forksAtFirst;
  }

  /**
   * @param ageMs how long ago that was
   * @returns null when it cannot be known, or the kernel may have gone round
   */
  since(ageMs: number): PidsSince | null {
    const newest = newestPid();
    if (newest === null || !(ageMs < sureWithinMs || this.#isWithinOneRound())) return null;
    const first = this.#first;
    if (newest < first) return { has: (pid) => pid > first || pid <= newest, few: null, newest };
    const count = newest - first;
    return {
      has: (pid) => pid > first && pid <= newest,
      few: count <= fewMeans ? Array.from({ length: count }, (_, index) => first + 1 + index) : null,
      newest,
    };
  }

  /** Threads are counted too, for they take numbers too; and those of every container, which errs on the safe side. */
  #isWithinOneRound(): boolean {
    const before = this.#forksAtFirst;
    const forks = before === null ? null : totalForks();
    if (forks === null || before === null) return false;
    this.#pids ??= howManyPids();
    return forks >= before && forks - before < this.#pids / 2;
  }
}

/**
 * The last number given out in this PID namespace (proc(5), /proc/loadavg). Null where the kernel does not tell: a sandbox
 * that counts none says 0, and what a container puts in that file's place (lxcfs) may be seconds old.
 */
export function newestPid(): number | null {
  return isLoadavgOfProc() ? numberIn("/proc/loadavg", / ([1-9]\d*)\s*$/) : null;
}

function isLoadavgOfProc(): boolean {
  ofProc ??= deviceOf("/proc/loadavg") === deviceOf("/proc");
  return ofProc;
}

function deviceOf(path: string): number | undefined {
  try {
    return statSync(path).dev;
  } catch {
    return undefined;
  }
}

function howManyPids(): number {
  return numberIn("/proc/sys/kernel/pid_max") ?? fewestPids;
}

/** How many processes and threads this machine has made since it booted (proc(5), /proc/stat). */
function totalForks(): number | null {
  return numberIn("/proc/stat", /^processes (\d+)$/m);
}

function numberIn(path: string, pattern = /^(\d+)/): number | null {
  const bytes = readProcFile(path);
  const found = typeof bytes === "string" ? null : pattern.exec(bytes.toString("latin1"));
  return found === null ? null : Number(found[1]);
}
