import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { tell } from "./held-lock.ts";
import { startSession, type StartOptions } from "./sessions.ts";
import { until } from "./until.ts";
import { agent, type Workspace } from "./workspace.ts";

/** The output of a session, as it lies on the disk. */
export class SessionOutput {
  readonly path: string;
  readonly #recordPath: string;

  /** @param state the state directory */
  constructor(state: string, uid: string) {
    this.path = join(state, "sessions", uid, "output.log");
    this.#recordPath = join(state, "sessions", uid, "output.json");
  }

  /** Whether the keeper has had a look at it. */
  get isOnRecord(): boolean {
    return existsSync(this.#recordPath);
  }

  /** From which byte on it is kept; 0 while there is no record. */
  get firstByte(): number {
    if (!this.isOnRecord) return 0;
    return (JSON.parse(readFileSync(this.#recordPath, "utf8")) as { first_byte: number }).first_byte;
  }

  get sizeBytes(): number {
    return statSync(this.path).size;
  }

  /** What it takes on the disk. */
  get diskBytes(): number {
    return statSync(this.path).blocks * 512;
  }

  /** @param behind a byte; the first cut when absent */
  async untilCut(behind = 0): Promise<void> {
    await until(() => this.firstByte > behind, { what: `the output is cut behind byte ${behind}` });
  }
}

/** A session whose agent writes as many numbered lines (`line 1`) as it is told to. */
export class NumberedLines extends SessionOutput {
  readonly #fifo: string;
  #count = 0;

  private constructor(workspace: Workspace, state: string, uid: string) {
    super(state, uid);
    this.#fifo = join(workspace.root, "more");
  }

  static async start(workspace: Workspace, options: StartOptions = {}): Promise<NumberedLines> {
    const { uid } = await startSession(workspace, agent("writes-when-told.sh", "more"), options);
    return new NumberedLines(workspace, options.env?.["HOLDFAST_STATE_DIR"] ?? workspace.state, uid);
  }

  /** How many it was told to write. */
  get count(): number {
    return this.#count;
  }

  get lastLine(): string {
    return `line ${this.#count}\n`;
  }

  async write(count: number): Promise<void> {
    await tell(this.#fifo, String(count));
    this.#count += count;
  }

  /** Lets the agent end. */
  async end(): Promise<void> {
    await tell(this.#fifo, "end");
  }
}

/** `line 3`, `line 4`, … as they stand in an output. */
export function numberedLines(first: number, last: number): string {
  return Array.from({ length: last - first + 1 }, (_, index) => `line ${first + index}\n`).join("");
}
