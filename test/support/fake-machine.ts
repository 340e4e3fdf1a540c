import { here, isSameProcess, type ProcessIdentity, type SignalResult } from "../../src/process/identity.ts";
import type { Clock } from "../../src/process/clock.ts";
import type { KnownFile } from "../../src/process/known-file.ts";
import type { ProcessEntry, ProcessTable } from "../../src/process/table.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type SignalAction = (signal: NodeJS.Signals, process: FakeProcess) => void;

export interface FakeOptions extends Partial<ProcessEntry> {
  readonly env?: Readonly<Record<string, string>> | null;
  readonly cwd?: string | null;
  /** What it has open for writing; null when that cannot be read. */
  readonly files?: readonly KnownFile[] | null;
  /** What it does with signals other than SIGKILL and SIGSTOP; by default all but SIGCONT end it. */
  readonly onSignal?: SignalAction;
}

export interface FakeProcess extends Mutable<ProcessEntry> {
  env: Readonly<Record<string, string>> | null;
  cwd: string | null;
  files: readonly KnownFile[] | null;
  onSignal: SignalAction;
}

/** A machine in memory: processes that fork, end and get signals, and a clock that moves when somebody sleeps. */
export class FakeMachine implements ProcessTable {
  readonly seesFiles = true;
  readonly processes = new Map<number, FakeProcess>();
  /** Every signal that reached a process, as `PID SIGNAL`. */
  readonly signals: string[] = [];
  /** PIDs whose environment was asked for. */
  readonly environmentsRead: number[] = [];
  readonly clock: Clock = {
    now: () => this.#nowMs,
    sleep: (ms) => {
      this.#nowMs += ms;
      this.onTick();
      return Promise.resolve();
    },
  };
  /** What happens on the machine whenever time passes. */
  onTick: () => void = () => undefined;
  onList: () => void = () => undefined;
  /** What happens when an environment is about to be read. */
  onRead: (pid: number) => void = () => undefined;
  #nowMs = 0;
  #started = 0;
  #lastPid = 999;

  start(options: FakeOptions = {}): FakeProcess {
    const { pid = (this.#lastPid += 1), env = {}, cwd = "/", files = [], onSignal } = options;
    this.#started += 1;
    const process: FakeProcess = {
      ppid: 1,
      pgid: pid,
      sid: pid,
      uid: 1000,
      user: "dev",
      name: "agent",
      command: "node agent.js",
      argv: ["node", "agent.js"],
      state: "sleeping",
      startedAt: new Date(1_000_000 + this.#started),
      cpuSeconds: 0,
      cpuPercent: 0,
      residentBytes: 0,
      tty: null,
      ...options,
      pid,
      identity: options.identity ?? { pid, started: String(this.#started), ...here() },
      env,
      cwd,
      files,
      onSignal: onSignal ?? ((signal) => signal !== "SIGCONT" && this.end(pid)),
    };
    this.processes.set(pid, process);
    return process;
  }

  /** A child: in its parent's group, with its parent's environment. */
  fork(parent: FakeProcess, options: FakeOptions = {}): FakeProcess {
    const { pid: ppid, pgid, sid, env, files } = parent;
    return this.start({ ppid, pgid, sid, env, files, ...options });
  }

  /** Ends and is reaped; its children go to init. */
  end(pid: number): void {
    this.processes.delete(pid);
    for (const process of this.processes.values()) if (process.ppid === pid) process.ppid = 1;
  }

  readonly signalOne = (identity: ProcessIdentity, signal: NodeJS.Signals): SignalResult => {
    const process = this.processes.get(identity.pid);
    if (process === undefined || process.state === "zombie") return "gone";
    if (!isSameProcess(process.identity, identity)) return "not_ours";
    if (process.uid === 0) return "not_permitted";
    this.signals.push(`${identity.pid} ${signal}`);
    if (signal === "SIGKILL") this.end(process.pid);
    else if (signal === "SIGSTOP") process.state = "stopped";
    else {
      if (signal === "SIGCONT") process.state = "sleeping";
      process.onSignal(signal, process);
    }
    return "signalled";
  };

  list(isWanted: (pid: number) => boolean = () => true): Promise<readonly ProcessEntry[]> {
    this.onList();
    const wanted = [...this.processes.values()].filter(({ pid }) => isWanted(pid));
    return Promise.resolve(wanted.map((process) => Object.assign({}, process)));
  }

  variablesOf(pid: number): Promise<ReadonlyMap<string, string> | null> {
    this.environmentsRead.push(pid);
    this.onRead(pid);
    const env = this.processes.get(pid)?.env ?? null;
    return Promise.resolve(env === null ? null : new Map(Object.entries(env)));
  }

  writesTo(pid: number, wanted: readonly KnownFile[]): Promise<boolean | null> {
    const files = this.processes.get(pid)?.files ?? null;
    return Promise.resolve(
      files === null ? null : files.some(({ inode }) => wanted.some((each) => each.inode === inode)),
    );
  }

  workingDirectoryOf(pid: number): Promise<string | null> {
    return Promise.resolve(this.processes.get(pid)?.cwd ?? null);
  }
}
