import { Failure } from "../failure.ts";
import type { ProcessIdentity } from "./identity.ts";
import type { KnownFile } from "./known-file.ts";
import { isProcfsOurs } from "./look-at-process.ts";

/** The effective user of a process that ended before it was asked for. */
export const goneUid = -1;

export type ProcessState = "running" | "sleeping" | "stopped" | "zombie" | "other";

/**
 * A process as it was when the table was listed. Read its fields by name: costly ones are read from the system when
 * they are first asked for, so a copy by spreading has none of them. They never belong to another process: if this one
 * has ended before, and its PID is used again, they say what they say when nothing can be read.
 */
export interface ProcessEntry {
  readonly identity: ProcessIdentity;
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
  /** The effective user; `goneUid` if the process ended before it was asked for. */
  readonly uid: number;
  /** The user's name, or the uid as text; `?` if the process ended before it was asked for. */
  readonly user: string;
  /** What the system calls the program, cut by Linux to 15 bytes. */
  readonly name: string;
  /** The arguments joined by spaces, control characters and all; `[name]` when there are none to see. */
  readonly command: string;
  /** Empty for kernel threads, zombies, and what cannot be read. With `ps` only the command split at spaces. */
  readonly argv: readonly string[];
  readonly state: ProcessState;
  readonly startedAt: Date;
  /** User and system time, without that of children. */
  readonly cpuSeconds: number;
  /** Average over the life of the process; above 100 when it uses more than one CPU. */
  readonly cpuPercent: number;
  readonly residentBytes: number;
  /** `pts/0`, `tty1`, `ttyS0`; null without a controlling terminal. */
  readonly tty: string | null;
}

/** The processes of this machine, or of this container. */
export interface ProcessTable {
  /**
   * Every process that is visible here, in ascending order of PIDs where the system gives it.
   * @param among only those with such a PID; asking for fewer is cheaper
   */
  list(among?: (pid: number) => boolean): Promise<readonly ProcessEntry[]>;
  /**
   * Holdfast's own variables (`HOLDFAST_…`) in the environment a process was started with: others are not read.
   * @returns null if it cannot be read: gone, another user's, or protected
   */
  variablesOf(pid: number): Promise<ReadonlyMap<string, string> | null>;
  /** The directory a process is in, without symbolic links; null if it cannot be read. */
  workingDirectoryOf(pid: number): Promise<string | null>;
  /** Whether it can tell at all which files a process has open. */
  readonly seesFiles: boolean;
  /**
   * Whether a process has one of these files open for writing.
   * @returns null if that cannot be told: gone, another user's, or protected
   */
  writesTo(pid: number, files: readonly KnownFile[]): Promise<boolean | null>;
}

/** The same table, listed in another way. */
export function listedBy(table: ProcessTable, list: ProcessTable["list"]): ProcessTable {
  return {
    list,
    variablesOf: (pid) => table.variablesOf(pid),
    workingDirectoryOf: (pid) => table.workingDirectoryOf(pid),
    seesFiles: table.seesFiles,
    writesTo: (pid, files) => table.writesTo(pid, files),
  };
}

/**
 * /proc on Linux, because slim containers have no `ps`; `ps` elsewhere.
 * @throws Failure `UNAVAILABLE` on Linux without a /proc of this PID namespace, on which `ps` depends as well: an empty
 * table would say that nothing runs
 */
export async function openProcessTable(): Promise<ProcessTable> {
  if (isProcfsOurs()) {
    const { ProcfsTable } = await import("./procfs-table.ts");
    return new ProcfsTable();
  }
  if (process.platform === "linux") {
    throw new Failure("UNAVAILABLE", "Cannot list the processes: /proc is not mounted, or for another PID namespace", {
      facts: { path: "/proc" },
    });
  }
  const { PsTable } = await import("./ps-table.ts");
  return new PsTable();
}
