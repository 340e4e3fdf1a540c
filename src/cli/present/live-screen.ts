import type { LiveEvents } from "./live-view.ts";
import { UnwrittenAnswer, type OutputStream } from "./output-stream.ts";

/*
 * The escapes are xterm's, which every terminal in use follows: ?1049 is a second screen, so that what was on the first
 * is there afterwards; ?25 the cursor; ?7 wrapping, off because programs and terminals differ about how wide some
 * characters are, and a line that wraps would push up all others.
 */
const takeScreen = "\u001B[?1049h\u001B[?25l\u001B[?7l";
const giveScreenBack = "\u001B[?7h\u001B[?25h\u001B[?1049l";
const home = "\u001B[H";
const clearLine = "\u001B[K";
const clearBelow = "\u001B[J";

const escape = "\u001B";
const suspend = "\u001A";
/** Where the terminal does not tell. */
const usualSize = { columns: 80, rows: 24 };

/**
 * The whole terminal, taken for drawing and given back: on `close`, when the process exits or crashes, and while it is
 * stopped by Ctrl-Z. (Nothing can give it back after SIGKILL: `reset` does.)
 */
export class LiveScreen {
  readonly #stdout: OutputStream;
  #events: LiveEvents | null = null;
  #isTaken = false;

  constructor(stdout: OutputStream) {
    this.#stdout = stdout;
  }

  /** 80 × 24 where the terminal does not tell. */
  get size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = process.stdout;
    // A terminal without a size says 0.
    return { columns: columns || usualSize.columns, rows: rows || usualSize.rows };
  }

  /** From here on keys are read one by one, Ctrl-C among them. Standard input must be a terminal. */
  open(events: LiveEvents): void {
    this.#events = events;
    // After an uncaught exception too, and then before its trace is printed.
    process.on("exit", this.#giveBack);
    process.on("SIGTSTP", this.#suspend);
    process.on("SIGCONT", this.#resume);
    process.stdout.on("resize", events.onRedraw);
    process.stdin.setEncoding("utf8").on("data", this.#read).on("end", events.onGone).on("error", events.onGone);
    this.#take();
  }

  /** Draws these lines from the top, and nothing else; they must fit. */
  draw(lines: readonly string[]): void {
    if (!this.#isTaken) return;
    // Cleared before it is written: behind a full line, the cursor stands on the last character.
    this.#write(home + lines.map((line) => clearLine + line).join("\r\n") + clearBelow);
  }

  /** May be called when it is not open, and again. */
  close(): void {
    this.#giveBack();
    if (this.#events === null) return;
    const { onRedraw, onGone } = this.#events;
    this.#events = null;
    process.stdin.pause().off("data", this.#read).off("end", onGone).off("error", onGone);
    process.stdout.off("resize", onRedraw);
    process.off("SIGCONT", this.#resume);
    process.off("SIGTSTP", this.#suspend);
    process.off("exit", this.#giveBack);
  }

  #take(): void {
    this.#isTaken = true;
    process.stdin.setRawMode(true).resume();
    this.#write(takeScreen);
  }

  readonly #giveBack = (): void => {
    if (!this.#isTaken) return;
    this.#isTaken = false;
    this.#write(giveScreenBack);
    process.stdin.setRawMode(false);
  };

  readonly #suspend = (): void => this.#stop(process.pid);

  /** @param pid this process; 0: its whole job, which is what a terminal stops at Ctrl-Z: `npx` in front of it as well */
  #stop(pid: number): void {
    this.#giveBack();
    process.stdin.pause();
    process.off("SIGTSTP", this.#suspend).off("SIGCONT", this.#resume);
    process.kill(pid, "SIGTSTP");
    // Goes on here: after `fg`, or at once where nobody controls jobs.
    process.on("SIGTSTP", this.#suspend).on("SIGCONT", this.#resume);
    this.#resume();
  }

  /** Who stopped it without a word (SIGSTOP) left the terminal to others meanwhile. */
  readonly #resume = (): void => {
    if (this.#isTaken) process.stdin.setRawMode(false);
    this.#take();
    this.#events?.onRedraw();
  };

  readonly #read = (text: string): void => {
    // An arrow or function key, or Alt with a letter.
    if (text.startsWith(escape) && text.length > 1) return;
    for (const key of text) {
      if (this.#events === null) return;
      if (key === suspend) this.#stop(0);
      else this.#events.onKey(key);
    }
  };

  #write(text: string): void {
    try {
      this.#stdout.write(text);
    } catch (error) {
      // The terminal was closed: nobody looks any more.
      if (!(error instanceof UnwrittenAnswer) || error.errno !== "EIO") throw error;
      this.#events?.onGone();
    }
  }
}
