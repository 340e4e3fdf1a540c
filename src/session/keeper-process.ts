import type { ChildProcess } from "node:child_process";
import { closeSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, failureFromErrno } from "../failure.ts";
import { openOwnFileToAppend } from "../home/own-file.ts";
import { identify, type ProcessIdentity } from "../process/identity.ts";
import { closeInheritedDescriptors } from "../process/inherited-descriptors.ts";
import { withClaim } from "./claim-descriptor.ts";
import type { Context } from "./context.ts";
import { formatMessage, parseMessage, reportDescriptor, type Handover, type Report } from "./handover.ts";
import type { SessionInfo } from "./session-info.ts";

/** Both programs are built into one directory, which is what `__dirname` means in either. */
const keeperEntry = join(__dirname, "keeper.js");
/** As bin/holdfast.js does: half of what a keeper costs beyond Node is compiling. */
const codeCache = `--require=${join(__dirname, "..", "bin", "code-cache.js")}`;

/** What a keeper inherits beside its session. */
export interface Inheritance {
  /** The locked claim; null for a lease, and before the lock is held. */
  readonly claim: number | null;
  /** Where its last words go, if it crashes; null: nowhere. */
  readonly log: string | null;
}

/** A keeper that has been spawned and waits for its session. */
export class KeeperProcess {
  readonly #child: ChildProcess;
  readonly #log: string | null;
  /** The signal that ended it; null when it exited. */
  readonly #ended: Promise<NodeJS.Signals | null>;
  readonly #report: Promise<string>;

  private constructor(child: ChildProcess, log: string | null) {
    this.#child = child;
    this.#log = log;
    this.#ended = new Promise((resolve) => child.once("exit", (_, signal) => resolve(signal)));
    // From the first: what nobody reads is closed when the process is gone, and tells its end no more.
    this.#report = readAll(child.stdio[reportDescriptor]);
  }

  /**
   * Spawns the keeper in a session of its own. It does nothing yet.
   * @throws Failure `IO` when no process can be had
   */
  static async spawn(context: Context, session: SessionInfo, { claim, log }: Inheritance): Promise<KeeperProcess> {
    const { spawn } = await import("node:child_process");
    closeInheritedDescriptors();
    const logDescriptor = log === null ? null : openOwnFileToAppend(log, "the keeper's log");
    const stdio: ("pipe" | "ignore" | number)[] = ["pipe", "ignore", logDescriptor ?? "ignore"];
    stdio[reportDescriptor] = "pipe";
    // A session started from inside another one is its own: it does not end with that one. And Node reads certificates
    // before it does anything else, which takes longer than all the rest of its start; a keeper talks to nobody.
    const { HOLDFAST_SESSION: _, HOLDFAST_ANCESTORS: __, NODE_EXTRA_CA_CERTS: ___, ...env } = context.env;
    const child = spawn(process.execPath, [codeCache, keeperEntry, context.lock.name, session.id], {
      cwd: "/",
      detached: true,
      // Whose sessions it keeps is found by that, see `homesOfSessions`.
      env: { ...env, HOLDFAST_DIR: context.home.root },
      stdio: withClaim(stdio, claim),
    });
    if (logDescriptor !== null) closeSync(logDescriptor);
    if (child.pid === undefined) {
      const error = await new Promise<Error>((resolve) => child.once("error", resolve));
      throw failureFromErrno(error, "start the keeper", process.execPath);
    }
    child.on("error", () => undefined);
    child.stdin?.on("error", () => undefined);
    return new KeeperProcess(child, log);
  }

  /** @throws Failure when it is gone already, as `instruct` does */
  async identify(): Promise<ProcessIdentity> {
    const identity = this.#child.pid === undefined ? null : identify(this.#child.pid);
    if (identity === null) throw await this.#died();
    return identity;
  }

  /**
   * Tells the keeper what to do and waits until it reports.
   * @param meanwhile called when all is said
   * @throws Failure when it dies first: `START_FAILED` when somebody killed it, `INTERNAL` when it crashed
   */
  async instruct(handover: Handover, meanwhile?: () => void): Promise<Report> {
    this.#child.stdin?.end(formatMessage(handover));
    meanwhile?.();
    const report = parseMessage<Report>(await this.#report);
    if (report === null) throw await this.#died();
    this.#child.unref();
    return report;
  }

  /** Lets a keeper go that has nothing to keep after all. */
  dismiss(): void {
    this.#child.stdin?.end();
    this.#child.unref();
  }

  async #died(): Promise<Failure> {
    const signal = await this.#ended;
    if (signal === null) return this.#crashed();
    const { pid } = this.#child;
    return new Failure(
      "START_FAILED",
      `The keeper (PID ${pid}) was killed by ${signal} before it said that the agent runs`,
      {
        facts: { keeper_pid: pid, signal },
        next: [{ does: "look", command: "holdfast status" }],
      },
    );
  }

  /** Its log goes with the directory of the session that did not come to be. */
  #crashed(): Failure {
    const { exitCode } = this.#child;
    const how = exitCode === null ? "" : ` (exit code ${exitCode})`;
    const said = this.#log === null ? "" : lastWords(this.#log);
    return new Failure("INTERNAL", `The keeper ended before the agent ran${how}${said === "" ? "" : `:\n${said}`}`, {
      facts: { exit_code: exitCode },
    });
  }
}

function readAll(stream: ChildProcess["stdio"][number] | undefined): Promise<string> {
  return new Promise((resolve) => {
    if (stream === null || stream === undefined || !("setEncoding" in stream)) {
      resolve("");
      return;
    }
    let text = "";
    stream.setEncoding("utf8");
    stream.on("data", (chunk: string) => (text += chunk));
    stream.on("close", () => resolve(text));
  });
}

function lastWords(log: string): string {
  try {
    return readFileSync(log, "utf8").trim();
  } catch {
    return "";
  }
}
