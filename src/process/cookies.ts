import { goneUid, type ProcessEntry, type ProcessTable } from "./table.ts";

/** What the environment of a process says about sessions. */
interface Carried {
  readonly session: string | undefined;
  /** Started under `run --close`: it is not ended with its session. */
  readonly close: boolean;
}

export interface Carriers {
  readonly carriers: readonly ProcessEntry[];
  /** Whether somebody has ended before it could be asked: a child that it left may not have been listed. */
  readonly isAnyGone: boolean;
}

const tables = new WeakMap<ProcessTable, Cookies>();

/**
 * From this age on, an environment without a cookie is remembered. A process younger than that may be between its fork
 * and its exec, and still show the environment of its parent.
 */
const settledAfterMs = 4000;

/**
 * Which processes carry which session's cookie. Whoever asks a table again and again, until they have ended, is spared to
 * read what it has told before; most ask once, and are spared to remember it.
 */
export class Cookies {
  readonly #table: ProcessTable;
  #isAskedAgain = false;
  #read = new Map<string, Carried>();

  private constructor(table: ProcessTable) {
    this.#table = table;
  }

  /** The one of this table, which remembers what it has read of it. */
  static of(table: ProcessTable): Cookies {
    const existing = tables.get(table);
    if (existing !== undefined) return existing;
    const fresh = new Cookies(table);
    tables.set(table, fresh);
    return fresh;
  }

  /** Those of `entries` that have `HOLDFAST_SESSION=<cookie>` in their environment, and not `HOLDFAST_CLOSE=1`. */
  async carriersOf(cookie: string, entries: readonly ProcessEntry[]): Promise<Carriers> {
    const user = process.geteuid?.();
    const remembered = new Map<string, Carried>();
    const carriers: ProcessEntry[] = [];
    let isAnyGone = false;
    for (const entry of entries) {
      const key = this.#isAskedAgain ? `${entry.pid}:${entry.identity.started}` : "";
      const before = this.#read.get(key);
      const carried = before ?? (await this.#carriedBy(entry, user));
      if (carried === null) isAnyGone ||= entry.uid === user || entry.uid === goneUid;
      if (carried === null) continue;
      const isLasting = before !== undefined || carried.session !== undefined;
      if (this.#isAskedAgain && (isLasting || isSettled(entry))) remembered.set(key, carried);
      if (carried.session === cookie && !carried.close) carriers.push(entry);
    }
    // Only what was listed this time: the memory never outgrows the table.
    this.#read = remembered;
    this.#isAskedAgain = true;
    return { carriers, isAnyGone };
  }

  /**
   * Null when it cannot be read. The environment of another user's process is closed to all but root. That of a kernel
   * thread is empty, and reading it costs less than finding out that it is one.
   */
  async #carriedBy(entry: ProcessEntry, user: number | undefined): Promise<Carried | null> {
    if (user !== 0 && entry.uid !== user) return null;
    const environment = await this.#table.variablesOf(entry.pid);
    if (environment === null) return null;
    return { session: environment.get("HOLDFAST_SESSION"), close: environment.get("HOLDFAST_CLOSE") === "1" };
  }
}

/** Old enough to have become the program that it is. */
export function isSettled(entry: ProcessEntry): boolean {
  return Date.now() - entry.startedAt.getTime() > settledAfterMs;
}
