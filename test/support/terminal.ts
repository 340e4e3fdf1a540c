import { spawnSync } from "node:child_process";
import { onTestFinished } from "vitest";
import { until } from "./until.ts";
import type { Workspace } from "./workspace.ts";

const version = spawnSync("tmux", ["-V"], { encoding: "utf8" });

/** Why there is no terminal to test in; null when there is one. */
export const whyNoTerminal = version.error === undefined ? null : "tmux is not installed: no terminal to test in";

let opened = 0;

/**
 * A real terminal with a shell that controls jobs, in the workspace: a tmux server of its own, which ends with the test.
 *
 *     const terminal = await openTerminal(workspace);
 *     terminal.type("holdfast status");
 *     await terminal.shows("No active session");
 */
export async function openTerminal(workspace: Workspace, options: { columns?: number } = {}): Promise<Terminal> {
  const terminal = new Terminal(workspace);
  onTestFinished(() => terminal.close());
  await terminal.open(options.columns ?? 120);
  return terminal;
}

export class Terminal {
  readonly #workspace: Workspace;
  readonly #socket = `holdfast-test-${process.pid}-${(opened += 1)}`;

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
  }

  async open(columns: number): Promise<void> {
    const shell = "PS1='$ ' ENV= exec sh -i";
    await this.#tmux("-f", "/dev/null", "new-session", "-d", "-x", String(columns), "-y", "50", shell);
    await this.shows(/^\$$/);
  }

  async close(): Promise<void> {
    await this.#tmux("kill-server").catch(() => undefined);
  }

  /** Types a line and Return. */
  async type(line: string): Promise<void> {
    await this.write(line);
    await this.press("Enter");
  }

  /** Types this, and nothing behind it. */
  async write(text: string): Promise<void> {
    await this.#tmux("send-keys", "-l", text);
  }

  /** Presses a key by its name in tmux: `C-c`, `Enter`. */
  async press(key: string): Promise<void> {
    await this.#tmux("send-keys", key);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux("resize-window", "-x", String(columns), "-y", String(rows));
  }

  /** What is on the screen, and what has been scrolled off it. @param escapes true with its colours */
  async screen(escapes = false): Promise<string> {
    const text = await this.#tmux("capture-pane", "-p", "-J", "-S", "-", ...(escapes ? ["-e"] : []));
    return text.trimEnd();
  }

  /** Waits until this is on the screen. @returns the screen then */
  async shows(what: string | RegExp): Promise<string> {
    const has = (text: string) => (typeof what === "string" ? text.includes(what) : what.test(text));
    let last = "";
    try {
      return await until(async () => {
        last = await this.screen();
        return has(last) && last;
      });
    } catch (error) {
      throw new Error(`The terminal does not show ${String(what)}. It shows:\n${last}`, { cause: error });
    }
  }

  /** Waits until the shell asks for the next command. */
  async prompts(): Promise<string> {
    return this.shows(/\n\$$/);
  }

  async #tmux(...words: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.#workspace.spawn(["tmux", "-L", this.#socket, ...words], {
      input: "",
      env: { TMUX_TMPDIR: this.#workspace.root, TERM: "xterm-256color" },
    }).ended;
    if (exitCode !== 0) throw new Error(`tmux ${words.join(" ")}: ${stderr}`);
    return stdout;
  }
}
