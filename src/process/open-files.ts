import { isSettled } from "./cookies.ts";
import { isHoldfast } from "./holdfast-process.ts";
import type { KnownFile } from "./known-file.ts";
import type { ProcessEntry, ProcessTable } from "./table.ts";

const tables = new WeakMap<ProcessTable, OpenFiles>();

/** Which processes have a file open for writing that only a session's own have; who has not is not asked again. */
export class OpenFiles {
  readonly #table: ProcessTable;
  #without = new Set<string>();

  private constructor(table: ProcessTable) {
    this.#table = table;
  }

  /** The one of this table, which remembers what it has read of it. */
  static of(table: ProcessTable): OpenFiles {
    const existing = tables.get(table);
    if (existing !== undefined) return existing;
    const fresh = new OpenFiles(table);
    tables.set(table, fresh);
    return fresh;
  }

  /**
   * Those of `entries` that have one of the files open for writing. Never a holdfast: a keeper, or whoever takes the lock
   * for one, has its claim open because it made it.
   */
  async writersOf(files: readonly KnownFile[], entries: readonly ProcessEntry[]): Promise<readonly ProcessEntry[]> {
    const which = files.map(({ device, inode }) => `${device}:${inode}`).join();
    const without = new Set<string>();
    const writers: ProcessEntry[] = [];
    for (const entry of entries) {
      const key = `${entry.pid}:${entry.identity.started} ${which}`;
      if (!this.#without.has(key)) {
        const writes = await this.#table.writesTo(entry.pid, files);
        if (writes === true && !isHoldfast(entry.argv)) writers.push(entry);
        // It may be between fork and exec, which closes what is not to be inherited; nothing comes by inheriting later.
        if (writes !== false || !isSettled(entry)) continue;
      }
      without.add(key);
    }
    // Only what was listed this time: the memory never outgrows the table.
    this.#without = without;
    return writers;
  }
}
