import { watch, type FSWatcher } from "node:fs";
import { basename, dirname } from "node:path";

/** Network file systems do not announce the changes of other hosts, so look again at least so often. */
const lookAgainMs = 1000;

/**
 * Tells when a file may have changed. Watches its directory, so that the file may be missing, removed and made anew.
 * Where watching is not possible (no such directory, no more inotify watches) only a timer of a second is left.
 */
export class FileWatcher {
  readonly #path: string;
  readonly #signal: AbortSignal | undefined;
  #watcher: FSWatcher | undefined;
  #changed = false;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(path: string, signal?: AbortSignal) {
    this.#path = path;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#notify);
    this.#watch();
  }

  /**
   * Resolves at the first change since this was last called, after a second without one, or when the signal aborts.
   * One call at a time.
   */
  nextChange(): Promise<void> {
    // The directory may be there by now.
    if (this.#watcher === undefined) this.#watch();
    return new Promise((resolve) => {
      const timer = setTimeout(this.#notify, lookAgainMs);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        this.#changed = false;
        resolve();
      };
      if (this.#changed || this.#closed || this.#signal?.aborted === true) this.#wake();
    });
  }

  /** Wakes who waits for `nextChange`, which resolves at once from now on. */
  close(): void {
    this.#closed = true;
    this.#signal?.removeEventListener("abort", this.#notify);
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#wake?.();
  }

  readonly #notify = (): void => {
    this.#changed = true;
    this.#wake?.();
  };

  #watch(): void {
    if (this.#closed) return;
    const name = basename(this.#path);
    try {
      const watcher = watch(dirname(this.#path), (_event, changed) => {
        if (changed === null || changed === name) this.#notify();
      });
      watcher.on("error", () => {
        watcher.close();
        this.#watcher = undefined;
      });
      this.#watcher = watcher;
    } catch {
      this.#watcher = undefined;
    }
  }
}
