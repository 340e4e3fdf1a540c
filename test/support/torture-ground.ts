import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventLog } from "./event-log.ts";
import { signalIfSame, type LiveProcess } from "./live-processes.ts";
import type { Json, Outcome, RunningProgram } from "./program.ts";
import { openWorkspace, type LoggedEvent, type Workspace } from "./workspace.ts";

/** A holdfast that was called, and what its answer must be. */
export interface Call {
  readonly args: readonly string[];
  /** The error codes with which it may fail, as things are. */
  readonly mayFailWith: readonly string[];
  /** What is wrong although it says that it has done what it was asked; called as soon as it has said so. */
  readonly whatIsWrong?: (document: Json, outcome: Outcome) => readonly string[];
  /** True for one that may stay for long: it waits, or runs a command. */
  readonly stays?: boolean;
}

/** A line of what agents testified: the token they were given, by whose session. */
export interface Grant {
  readonly token: number;
  readonly uid: string;
}

export interface GroundOptions {
  /** For the names of what is kept when something was wrong. */
  readonly name: string;
  readonly pulse: "kernel" | "lease";
  readonly configuration: unknown;
  /** The error codes with which anything may fail, because files are damaged, or gone. */
  readonly mayFailWith: readonly string[];
}

/** A workspace in which much happens at once, and everything that is found wrong meanwhile. */
export class TortureGround {
  readonly workspace: Workspace = openWorkspace();
  readonly pulse: "kernel" | "lease";
  /** What was done, and how it went. */
  readonly counts = new Map<string, number>();
  readonly complaints: string[] = [];
  /** When the state directory was deleted, in seconds. */
  readonly deletions: number[] = [];
  readonly #name: string;
  readonly #mayFailWith: readonly string[];
  readonly #witness: string;
  readonly #trace: string[] = [];
  readonly #log: EventLog;
  readonly #running = new Map<Call, RunningProgram>();
  readonly #frozen = new Map<LiveProcess, NodeJS.Timeout>();
  readonly #answers: Promise<void>[] = [];
  #sessions = 0;

  constructor({ name, pulse, configuration, mayFailWith }: GroundOptions) {
    this.#name = name;
    this.#mayFailWith = mayFailWith;
    this.pulse = pulse;
    this.workspace.configure(configuration);
    this.#witness = join(this.workspace.root, "witness");
    this.#log = new EventLog(join(this.workspace.state, "holdfast.log"));
    mkdirSync(this.#witness);
  }

  /** Whether nothing is done to files. */
  get isIntact(): boolean {
    return this.#mayFailWith.length === 0;
  }

  /** The id of a session that nobody had before. */
  newId(): string {
    this.#sessions += 1;
    return `s${this.#sessions}`;
  }

  /** How many ids were given out. */
  get idsGiven(): number {
    return this.#sessions;
  }

  events(): readonly LoggedEvent[] {
    return this.#log.read();
  }

  /** The log up to now was deleted, and is not forgotten. */
  logWasDeleted(): void {
    this.#log.beginAnew();
  }

  get unreadableLines(): readonly string[] {
    return this.#log.unreadable;
  }

  /** Whether the log has this event of this session, given by its id or uid, now. */
  hasEvent(event: string, session: string): boolean {
    return this.events().some((each) => each.event === event && [each["session"], each["uid"]].includes(session));
  }

  /** In the order in which the agents came to run. */
  grants(): readonly Grant[] {
    const lines = this.#testimony("grants").map((line) => line.split(" "));
    return lines.map(([token, uid = ""]) => ({ token: Number(token), uid }));
  }

  /** What agents said that were not alone; each line begins with the time in seconds. */
  violations(): readonly string[] {
    return this.#testimony("violations");
  }

  /** What runs and was called here. */
  running(stays: boolean): number {
    return [...this.#running.keys()].filter((call) => (call.stays ?? false) === stays).length;
  }

  /** The calls that have not been answered yet. */
  unanswered(): readonly Call[] {
    return [...this.#running.keys()];
  }

  call(call: Call): void {
    const { args } = call;
    const calledAt = Date.now() / 1000;
    const program = this.workspace.spawnHoldfast(args, {
      env: { HOLDFAST_PULSE: this.pulse, WITNESS: this.#witness },
      input: "",
    });
    this.#running.set(call, program);
    this.note(`PID ${program.pid}: ${args.join(" ")}`);
    this.#answers.push(
      program.ended.then((outcome) => {
        this.#running.delete(call);
        this.#judge(call, { pid: program.pid, calledAt }, outcome);
      }),
    );
  }

  /** Resolves when every call has been answered. */
  async answered(): Promise<void> {
    while (this.#answers.length > 0) await Promise.all(this.#answers.splice(0));
  }

  kill(victim: LiveProcess, what: string, signal: NodeJS.Signals = "SIGKILL"): void {
    this.count(`${signal} ${what}`);
    this.note(`${signal} to ${what} ${victim.pid}`);
    signalIfSame(victim, signal);
  }

  /** Stops a process, which goes on after so long. */
  freeze(victim: LiveProcess, what: string, forMs: number): void {
    this.kill(victim, what, "SIGSTOP");
    this.#frozen.set(
      victim,
      setTimeout(() => this.#thaw(victim), forMs),
    );
  }

  thawAll(): void {
    for (const victim of this.#frozen.keys()) this.#thaw(victim);
  }

  #thaw(victim: LiveProcess): void {
    clearTimeout(this.#frozen.get(victim));
    this.#frozen.delete(victim);
    signalIfSame(victim, "SIGCONT");
    this.note(`SIGCONT to ${victim.pid}`);
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  complain(what: string): void {
    this.note(`WRONG: ${what}`);
    this.complaints.push(what);
  }

  note(what: string): void {
    this.#trace.push(`${new Date().toISOString()} ${what}\n`);
  }

  /** What is found wrong, and where everything is kept that may tell why; null when nothing is. */
  verdict(): { readonly wrong: readonly string[]; readonly evidence: string } | null {
    if (this.complaints.length === 0) return null;
    const evidence = join(tmpdir(), `holdfast-torture-${this.#name}-${process.pid}`);
    cpSync(this.workspace.root, evidence, { recursive: true });
    writeFileSync(join(evidence, "trace.log"), this.#trace.join(""));
    return { wrong: this.complaints, evidence };
  }

  #judge(call: Call, { pid, calledAt }: { pid: number; calledAt: number }, outcome: Outcome): void {
    const { args } = call;
    const document = lastDocument(outcome.stdout);
    const how = howItEnded(args, document, outcome);
    this.count(`${args[0]}: ${how}`);
    this.note(`PID ${pid} ended: ${how} ${document?.ok === false ? JSON.stringify(document) : ""}`);
    // Killed, by this test or at its order: it acknowledges nothing. What it said may have been deleted with everything else.
    if (outcome.signal !== null || (this.deletions.at(-1) ?? 0) > calledAt) return;
    for (const wrong of this.#whatIsWrong(call, document, outcome)) {
      this.complain(`PID ${pid} (${args.join(" ")}): ${wrong}`);
    }
  }

  #whatIsWrong({ args, mayFailWith, whatIsWrong }: Call, document: Json, outcome: Outcome): readonly string[] {
    if (document?.ok === false) {
      const isRight = [...mayFailWith, ...this.#mayFailWith].includes(document.error.code);
      return isRight ? [] : [`failed: ${JSON.stringify(document.error)}`];
    }
    if (document === null && args.includes("--json") && args[0] !== "run") {
      return [`said nothing, and exited with ${outcome.exitCode}: ${outcome.stderr}`];
    }
    return whatIsWrong?.(document, outcome) ?? [];
  }

  #testimony(file: string): readonly string[] {
    try {
      return readFileSync(join(this.#witness, file), "utf8").split("\n").slice(0, -1);
    } catch {
      return [];
    }
  }
}

function howItEnded(args: readonly string[], document: Json, { exitCode, signal }: Outcome): string {
  if (document?.ok === false) return document.error.code;
  return signal ?? (args[0] === "run" ? "ended" : String(exitCode));
}

/** Of a `run` the last line may be its failure, after what the command wrote. */
function lastDocument(stdout: string): Json {
  const line = stdout.trimEnd().split("\n").at(-1) ?? "";
  return line.startsWith('{"schema_version"') ? JSON.parse(line) : null;
}
