import { readProcFile, type ProcRefusal } from "./proc-files.ts";

/** PF_KTHREAD of the kernel's include/linux/sched.h; the same bit since 2009. */
const kernelThreadFlag = 0x00_20_00_00;

/** What a listing needs of each of thousands of processes: fields 1, 3, 4, 5 and 22 of a line that goes on after that. */
const statLine = /^(\d+) \(.*\) (\S) (\d+) (\d+) (?:\S+ ){16}(\d+) \S+ -?\d/s;

/** Fields 6 to 24, behind the name. */
const restOfLine =
  /^\S \d+ \d+ (\d+) (-?\d+) (-?\d+) (\d+) \S+ \S+ \S+ \S+ (\d+) (\d+) \S+ \S+ \S+ \S+ (\d+) \S+ \d+ \S+ (-?\d+)/;

/** What holdfast takes from /proc/PID/stat; see proc_pid_stat(5). What few ask for is parsed when they do. */
export class ProcStat {
  readonly #text: string;
  #rest: readonly number[] | undefined;
  readonly pid: number;
  /** One letter: R, S, D, T, t, Z, X, I, … */
  readonly state: string;
  readonly ppid: number;
  readonly pgid: number;
  /** Start time in clock ticks since boot; kept as text because it is only ever compared. */
  readonly started: string;

  constructor(text: string, [, pid, state = "", ppid, pgid, started = ""]: RegExpExecArray) {
    this.#text = text;
    this.pid = Number(pid);
    this.state = state;
    this.ppid = Number(ppid);
    this.pgid = Number(pgid);
    this.started = started;
  }

  /** The file name of the program, cut to 15 bytes, or whatever the process calls itself. */
  get name(): string {
    return this.#text.slice(this.#text.indexOf("(") + 1, this.#text.lastIndexOf(") "));
  }

  /** The session of setsid(2), which is none of holdfast's. */
  get sid(): number {
    return this.#later(0);
  }

  /** Device number of the controlling terminal; 0: none. */
  get ttyNumber(): number {
    return this.#later(1);
  }

  /** The process group in the foreground of that terminal; -1: none. */
  get foregroundGroup(): number {
    return this.#later(2);
  }

  /** Part of the kernel: it has neither arguments nor an environment. */
  get isKernelThread(): boolean {
    return (this.#later(3) & kernelThreadFlag) !== 0;
  }

  /** User and system time, without that of children, in clock ticks. */
  get cpuTicks(): number {
    return this.#later(4) + this.#later(5);
  }

  get threads(): number {
    return this.#later(6);
  }

  /** In pages, as large as the machine has them. */
  get residentPages(): number {
    return this.#later(7);
  }

  #later(index: number): number {
    this.#rest ??= (restOfLine.exec(behindName(this.#text)) ?? []).slice(1).map(Number);
    return this.#rest[index] ?? 0;
  }
}

/**
 * Parses /proc/PID/stat. The name is free text: it may contain spaces, parentheses and newlines, but no field after it
 * can contain a parenthesis, so it ends at the last one.
 * @returns null when the text is not a complete stat line
 */
export function parseStat(text: string): ProcStat | null {
  const found = statLine.exec(text);
  return found === null ? null : new ProcStat(text, found);
}

function behindName(text: string): string {
  return text.slice(text.lastIndexOf(") ") + 2);
}

/**
 * The size of a process's environment by its stat line: fields 50 and 51 say where it begins and ends. Both are 0 while
 * execve(2) has not put it there yet, and for who may not know.
 * @returns null when it is not there
 */
export function parseEnvironmentSize(text: string): number | null {
  const fields = behindName(text).split(" ");
  const [start, end] = [BigInt(fields[47] ?? 0), BigInt(fields[48] ?? 0)];
  return start === 0n || end < start ? null : Number(end - start);
}

/** @throws Failure `IO` when /proc itself fails */
export function readStat(pid: number | "self"): ProcStat | ProcRefusal {
  const bytes = readProcFile(`/proc/${pid}/stat`);
  if (typeof bytes === "string") return bytes;
  return parseStat(bytes.toString("utf8")) ?? "gone";
}

/**
 * Ended, and only waiting to be reaped. When the main thread of a process ends before the others, the kernel shows Z
 * for a process that goes on; such a one still has more than the one thread.
 */
export function isZombie(stat: ProcStat): boolean {
  return stat.state === "X" || stat.state === "x" || (stat.state === "Z" && stat.threads <= 1);
}
