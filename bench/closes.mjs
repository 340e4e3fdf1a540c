/** Sees from outside when a lock is given back: when the file that held it is closed. Linux only, with python3. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { cleanEnv, kill, track } from "./project.mjs";

const watcher = fileURLToPath(new URL("closes.py", import.meta.url));

/**
 * @typedef {object} Held what is closed when the lock is given back
 * @property {"IN_CLOSE_WRITE" | "IN_CLOSE_NOWRITE"} event
 * @property {string} path the file, or the directory it is in
 */

export class Closes {
  /** @readonly */
  #child;
  /** @readonly @type {AsyncIterator<string>} */
  #lines;

  /** @param {Held} held */
  constructor({ event, path }) {
    const child = spawn("/usr/bin/python3", [watcher, event, path], {
      env: cleanEnv,
      stdio: ["ignore", "pipe", "inherit"],
    });
    // Then nothing is to be read, and that is an error.
    child.once("error", (error) => console.error(`python3 is needed: ${error.message}`));
    this.#child = track(child);
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** Begins to watch. @param {Held} held */
  static async open(held) {
    const closes = new Closes(held);
    await closes.#next();
    return closes;
  }

  /** @param {bigint} moment in nanoseconds since 1970 @returns {Promise<bigint>} when something was closed first after it */
  async firstAfter(moment) {
    for (;;) {
      const at = BigInt(await this.#next());
      if (at >= moment) return at;
    }
  }

  end() {
    kill(this.#child);
  }

  async #next() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("closes.py ended early");
    return value;
  }
}
