import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/**
 * A process as /proc shows it, read without any code under test. Zombies are no processes here, nor are those that have
 * given their memory back on the way there, and cannot be told apart by their command any more.
 */
export interface LiveProcess {
  readonly pid: number;
  readonly ppid: number;
  /** Its start in clock ticks since boot: with the PID, which process it is. */
  readonly started: string;
  /** As in ps(1): R, S, D, T. */
  readonly state: string;
  readonly command: string;
}

/** Null when nothing lives under this PID. */
export function lookAt(pid: number): LiveProcess | null {
  const stat = readOr(() => readFileSync(`/proc/${pid}/stat`, "latin1"));
  // After the name, which may hold anything: state, ppid, …, and start time as field 22 (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state = "", ppid = ""] = fields;
  if (state === "" || "ZXx".includes(state)) return null;
  const command = readOr(() => readFileSync(`/proc/${pid}/cmdline`, "utf8"));
  if (command === "") return null;
  return { pid, ppid: Number(ppid), started: fields[19] ?? "", state, command: command.split("\0").join(" ").trim() };
}

/** Whether a process, and not only its zombie, has this PID. */
export function isAlive(pid: number): boolean {
  return lookAt(pid) !== null;
}

/** Its variable in the environment it was started with; undefined also when that cannot be read. */
export function environmentOf(pid: number, name: string): string | undefined {
  const environment = readOr(() => readFileSync(`/proc/${pid}/environ`, "utf8")).split("\0");
  return environment.find((variable) => variable.startsWith(`${name}=`))?.slice(name.length + 1);
}

export function workingDirectoryOf(pid: number): string {
  return readOr(() => readlinkSync(`/proc/${pid}/cwd`));
}

/** The PIDs that this process has forked and that still are its children, zombies too: one cheap look. */
export function childrenOf(pid: number): readonly number[] {
  const children = readOr(() => readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1")).trim();
  return children === "" ? [] : children.split(" ").map(Number);
}

/** The files that it has open, by their paths. */
export function openFilesOf(pid: number): readonly string[] {
  return descriptorsOf(pid).map(({ path }) => path);
}

/** How many processes have a file open to read only, as far as this user may know. */
export function countReaders(file: string): number {
  const reads = (pid: number) =>
    descriptorsOf(pid).some(({ path, number }) => path === file && isReadOnly(pid, number));
  return findProcesses(reads).length;
}

function descriptorsOf(pid: number): readonly { readonly number: string; readonly path: string }[] {
  const directory = `/proc/${pid}/fd`;
  try {
    return readdirSync(directory).map((number) => ({
      number,
      path: readOr(() => readlinkSync(`${directory}/${number}`)),
    }));
  } catch {
    return [];
  }
}

/** The access mode is the last two bits of the flags, which are octal (proc_pid_fdinfo(5)). */
function isReadOnly(pid: number, descriptor: string): boolean {
  const flags = /^flags:\s*(\d+)$/m.exec(
    readOr(() => readFileSync(`/proc/${pid}/fdinfo/${descriptor}`, "latin1")),
  )?.[1];
  return flags !== undefined && (Number.parseInt(flags, 8) & 3) === 0;
}

/** All processes for which the answer is yes, but never this one. */
export function findProcesses(belongs: (pid: number) => boolean): readonly LiveProcess[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .map(Number)
    .filter((pid) => belongs(pid))
    .flatMap((pid) => lookAt(pid) ?? []);
}

/** Signals this very process; does nothing when it is gone, also when its PID is somebody else's now. */
export function signalIfSame({ pid, started }: LiveProcess, signal: NodeJS.Signals): void {
  if (lookAt(pid)?.started !== started) return;
  try {
    process.kill(pid, signal);
  } catch {
    // It was faster.
  }
}

function readOr(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}
