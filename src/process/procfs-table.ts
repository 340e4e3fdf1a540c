import { readdirSync, readlinkSync } from "node:fs";
import { Failure, failureFromErrno } from "../failure.ts";
import { systemClock } from "./clock.ts";
import { parseEnvironment } from "./environment.ts";
import { here } from "./identity.ts";
import type { KnownFile } from "./known-file.ts";
import { writesTo } from "./proc-descriptors.ts";
import { readProcFile } from "./proc-files.ts";
import { isZombie, parseEnvironmentSize, parseStat, readStat } from "./proc-stat.ts";
import { readProcMachine, type ProcMachine } from "./proc-machine.ts";
import { ProcfsEntry } from "./procfs-entry.ts";
import type { ProcessEntry, ProcessTable } from "./table.ts";
import { UserNames } from "./user-names.ts";

/** While processes keep ending during a listing, it looks this often for the children they may have left. */
const maxPasses = 10;

/** Much longer than an execve(2) takes, also one that has to wait for a disk or for its turn on a busy machine. */
const longestExecMs = 100;

/** The process table of Linux, read from /proc. All reads are from memory, hence synchronous: that is faster. */
export class ProcfsTable implements ProcessTable {
  readonly seesFiles = true;
  readonly #users = new UserNames();
  #machine: ProcMachine | undefined;

  /**
   * One small read a process. A process that ends during the listing may have left a child that was not there when the
   * PIDs were listed: then they are listed again, so that a process does not hide by handing itself on.
   * @throws Failure `UNAVAILABLE` when /proc cannot be listed
   */
  list(among: (pid: number) => boolean = () => true): Promise<readonly ProcessEntry[]> {
    const shared = { ...here(), users: this.#users, machine: () => (this.#machine ??= readProcMachine()) };
    const entries: ProcessEntry[] = [];
    const seen = new Set<string>();
    for (let pass = 0; pass < maxPasses; pass += 1) {
      let vanished = false;
      for (const name of listPids()) {
        if (seen.has(name) || !among(Number(name))) continue;
        seen.add(name);
        const stat = readStat(Number(name));
        // It may have left a child before it was reaped, too.
        vanished ||= stat === "gone" || (typeof stat !== "string" && isZombie(stat));
        if (typeof stat !== "string") entries.push(new ProcfsEntry(stat, shared));
      }
      if (!vanished) break;
    }
    return Promise.resolve(entries);
  }

  /**
   * While a process becomes another program, its environment and its arguments look empty for a moment, in which it
   * would seem to belong to nobody: execve(2) gives it a new memory first, and puts them in last. So this waits then.
   */
  async variablesOf(pid: number): Promise<ReadonlyMap<string, string> | null> {
    for (let waitedMs = 0; waitedMs < longestExecMs; waitedMs += 1) {
      const environment = readEnvironment(pid);
      if (environment !== "changing") return environment && parseEnvironment(environment);
      await systemClock.sleep(1);
    }
    return null;
  }

  workingDirectoryOf(pid: number): Promise<string | null> {
    try {
      return Promise.resolve(readlinkSync(`/proc/${pid}/cwd`));
    } catch {
      return Promise.resolve(null);
    }
  }

  writesTo(pid: number, files: readonly KnownFile[]): Promise<boolean | null> {
    return Promise.resolve(writesTo(pid, files));
  }
}

/** @returns null when it cannot be read */
function readEnvironment(pid: number): Buffer | null | "changing" {
  const path = `/proc/${pid}/environ`;
  const bytes = readProcFile(path);
  if (typeof bytes === "string") return null;
  if (bytes.length > 0) return bytes;
  const line = readProcFile(`/proc/${pid}/stat`);
  const text = typeof line === "string" ? "" : line.toString("utf8");
  const stat = parseStat(text);
  if (stat === null || isZombie(stat)) return null;
  if (stat.isKernelThread) return bytes;
  // Size 0 is also where the kernel begins to fill it; but a process that does that runs, or waits for memory.
  const isFilling = stat.state === "R" || stat.state === "D";
  return parseEnvironmentSize(text) === 0 && !isFilling ? bytes : "changing";
}

/** The names of the directories of all processes. @throws Failure `UNAVAILABLE` */
export function listPids(): readonly string[] {
  try {
    return readdirSync("/proc").filter((name) => isDigit(name.charCodeAt(0)));
  } catch (error) {
    const { message } = failureFromErrno(error, "list the processes", "/proc");
    throw new Failure("UNAVAILABLE", message, { facts: { path: "/proc" }, cause: error });
  }
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}
