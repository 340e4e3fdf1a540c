import { readProcFile } from "./proc-files.ts";

/** Long before a machine could give out all its PIDs once around. */
const sureWithinMs = 1_000;
/** When nobody knows how many there are, what Linux has at least (pid_max(5), CONFIG_BASE_SMALL aside). */
const fewestPids = 32_768;

/**
 * The PIDs that the kernel has given out since a process was started. It gives them out in a circle, so as long as it
 * has not gone round, whatever that process started has one of them: few processes have to be looked at, and often none.
 */
export class PidWindow {
  readonly #first: number;
  #forksAtFirst: number | null = null;
  #pids = fewestPids;

  /** @param first the PID of that process */
  constructor(first: number) {
    this.#first = first;
  }

  /** To be called within a second of the start of that process; without it the window is known for a second only. */
  note(): void {
    this.#forksAtFirst = totalForks();
    this.#pids = numberIn("/proc/sys/kernel/pid_max") ?? fewestPids;
  }

  /**
   * @param ageMs how long ago that process was started
   * @returns whether a PID was given out since; `none` when none was; null when that cannot be known, or the kernel may
   *   have gone round
   */
  since(ageMs: number): ((pid: number) => boolean) | "none" | null {
    const newest = newestPid();
    if (newest === null || !(ageMs < sureWithinMs || this.#isWithinOneRound())) return null;
    const first = this.#first;
    if (newest === first) return "none";
    return newest >= first ? (pid) => pid > first && pid <= newest : (pid) => pid > first || pid <= newest;
  }

  /** Threads are counted too, for they take numbers too; and those of every container, which errs on the safe side. */
  #isWithinOneRound(): boolean {
    const forks = this.#forksAtFirst === null ? null : totalForks();
    return forks !== null && this.#forksAtFirst !== null && forks - this.#forksAtFirst < this.#pids / 2;
  }
}

/** The last number given out in this PID namespace (proc(5), /proc/loadavg). */
function newestPid(): number | null {
  return numberIn("/proc/loadavg", / (\d+)\s*$/);
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
