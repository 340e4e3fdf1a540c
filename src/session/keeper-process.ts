import type { ChildProcess } from "node:child_process";
import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "../failure.ts";
import type { HeldLock } from "../lock/lock.ts";
import { identify } from "../process/identity.ts";
import { withClaim } from "./claim-descriptor.ts";
import type { Context } from "./context.ts";
import { formatMessage, parseMessage, reportDescriptor, type Handover, type Report } from "./handover.ts";
import type { SessionFiles } from "./session-files.ts";
import type { SessionInfo } from "./session-info.ts";
import type { TakenLock } from "./take-lock.ts";

/** Both programs are built into one directory, which is what `__dirname` means in either. */
const keeperEntry = join(__dirname, "keeper.js");
/** As bin/holdfast.js does: half of what a keeper costs beyond Node is compiling. */
const codeCache = `--require=${join(__dirname, "..", "bin", "code-cache.js")}`;

/** A keeper that has been spawned and waits for its session. */
export class KeeperProcess {
  readonly #context: Context;
  readonly #child: ChildProcess;
  readonly #files: SessionFiles;

  private constructor(context: Context, child: ChildProcess, files: SessionFiles) {
    this.#context = context;
    this.#child = child;
    this.#files = files;
  }

  /** Spawns the keeper in a session of its own, with the locked claim among its descriptors. It does nothing yet. */
  static async spawn(
    context: Context,
    held: HeldLock,
    session: SessionInfo,
    files: SessionFiles,
  ): Promise<KeeperProcess> {
    const { spawn } = await import("node:child_process");
    const { O_CREAT, O_WRONLY, O_APPEND } = constants;
    const log = openSync(files.keeperLog, O_CREAT | O_WRONLY | O_APPEND, 0o600);
    const stdio: ("pipe" | "ignore" | number)[] = ["pipe", "ignore", log];
    stdio[reportDescriptor] = "pipe";
    // A session started from inside another one is its own: it does not end with that one.
    const { HOLDFAST_SESSION: _, HOLDFAST_ANCESTORS: __, ...env } = context.env;
    const child = spawn(process.execPath, [codeCache, keeperEntry, context.lock.name, session.id], {
      cwd: "/",
      detached: true,
      env,
      stdio: withClaim(stdio, held.descriptor),
    });
    closeSync(log);
    child.on("error", () => undefined);
    child.stdin?.on("error", () => undefined);
    return new KeeperProcess(context, child, files);
  }

  /** Gives the session to the keeper and waits until it reports. @param meanwhile called when all is said */
  async handOver({ held, hold, session }: TakenLock, meanwhile?: () => void): Promise<Report> {
    const { home, config, lock, by } = this.#context;
    const identity = this.#child.pid === undefined ? null : identify(this.#child.pid);
    if (identity === null) throw this.#crashed();
    await held.handTo(identity);
    const handover: Handover = {
      root: home.root,
      state: home.state,
      lock: lock.name,
      token: held.token,
      mark: held.mark,
      hold,
      session,
      config,
      by,
    };
    this.#child.stdin?.end(formatMessage(handover));
    meanwhile?.();
    const report = parseMessage<Report>(await this.#readReport());
    if (report === null) throw this.#crashed();
    this.#child.unref();
    return report;
  }

  /** Lets a keeper go that has nothing to keep after all. */
  dismiss(): void {
    this.#child.stdin?.end();
    this.#child.unref();
  }

  #readReport(): Promise<string> {
    const stream = this.#child.stdio[reportDescriptor];
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

  #crashed(): Failure {
    let said = "";
    try {
      said = readFileSync(this.#files.keeperLog, "utf8").trim();
    } catch {
      // It said nothing.
    }
    return new Failure("INTERNAL", `The keeper ended before the agent ran${said === "" ? "" : `:\n${said}`}`, {
      facts: { path: this.#files.keeperLog },
    });
  }
}
