import { readProcFile, type ProcRefusal } from "./proc-files.ts";

/** What holdfast takes from /proc/PID/stat; see proc_pid_stat(5). */
export interface ProcStat {
  readonly pid: number;
  /** The file name of the program, cut to 15 bytes, or whatever the process calls itself. */
  readonly name: string;
  /** One letter: R, S, D, T, t, Z, X, I, … */
  readonly state: string;
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
  /** Device number of the controlling terminal; 0: none. */
  readonly ttyNumber: number;
  /** Part of the kernel: it has neither arguments nor an environment. */
  readonly isKernelThread: boolean;
  /** User and system time, without that of children, in clock ticks. */
  readonly cpuTicks: number;
  readonly threads: number;
  /** Start time in clock ticks since boot; kept as text because it is only ever compared. */
  readonly started: string;
  readonly residentPages: number;
}

/** PF_KTHREAD of the kernel's include/linux/sched.h; the same bit since 2009. */
const kernelThreadFlag = 0x00_20_00_00;

/**
 * Fields 1 to 24, of which only those that are used here are taken: a listing parses thousands of lines, and a compiled
 * expression makes no more of a line than that.
 */
const statLine =
  /^(\d+) \((.*)\) (\S) (\d+) (\d+) (\d+) (-?\d+) \S+ (\d+) \S+ \S+ \S+ \S+ (\d+) (\d+) \S+ \S+ \S+ \S+ (\d+) \S+ (\d+) \S+ (-?\d+)/s;

/**
 * Parses /proc/PID/stat. The name is free text: it may contain spaces, parentheses and newlines, but no field after it
 * can contain a parenthesis, so it ends at the last one.
 * @returns null when the text is not a complete stat line
 */
export function parseStat(text: string): ProcStat | null {
  const found = statLine.exec(text);
  if (found === null) return null;
  const [, pid, name = "", state = "", ppid, pgid, sid, tty, flags, user, system, threads, started = "", pages] = found;
  return {
    pid: Number(pid),
    name,
    state,
    ppid: Number(ppid),
    pgid: Number(pgid),
    sid: Number(sid),
    ttyNumber: Number(tty),
    isKernelThread: (Number(flags) & kernelThreadFlag) !== 0,
    cpuTicks: Number(user) + Number(system),
    threads: Number(threads),
    started,
    residentPages: Number(pages),
  };
}

/**
 * The size of a process's environment by its stat line: fields 50 and 51 say where it begins and ends. Both are 0 while
 * execve(2) has not put it there yet, and for who may not know.
 * @returns null when it is not there
 */
export function parseEnvironmentSize(text: string): number | null {
  const fields = text.slice(text.lastIndexOf(") ") + 2).split(" ");
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
