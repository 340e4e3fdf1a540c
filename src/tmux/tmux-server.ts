import { TmuxClient } from "./tmux-client.ts";

export interface TmuxDetails {
  readonly serverPid: number;
  /** How many terminals show it now, of whomever. */
  readonly attached: number;
  readonly columns: number;
  readonly rows: number;
  /** True while its program has switched to a screen of its own, as editors do. */
  readonly alternateScreen: boolean;
}

/** The tmux server of one session, by its socket: what it is asked, and told. */
export class TmuxServer {
  readonly client: TmuxClient;

  /** @param env of whoever calls: where tmux is, and what terminal this is */
  constructor(socket: string, env: NodeJS.ProcessEnv) {
    this.client = new TmuxClient(socket, env);
  }

  /** Whether it answers. */
  async exists(): Promise<boolean> {
    return (await this.client.call([["list-sessions"]])).ok;
  }

  /** Whether certainly nobody listens at the socket; one that hangs does. */
  async isGone(): Promise<boolean> {
    const { ok, problem } = await this.client.call([["list-sessions"]]);
    return !ok && /^(?:no server running on|error connecting to)/.test(problem);
  }

  /** @param pane null: whichever there is. Null when it is not there, or the server does not answer */
  async details(pane: string | null): Promise<TmuxDetails | null> {
    const names = ["session_name", "pid", "session_attached", "window_width", "window_height", "alternate_on"];
    const fields = await this.client.ask(pane, names);
    if (fields === null) return null;
    const [, serverPid, attached, columns, rows, alternateScreen] = fields;
    return {
      serverPid: Number(serverPid),
      attached: Number(attached),
      columns: Number(columns),
      rows: Number(rows),
      alternateScreen: alternateScreen === "1",
    };
  }

  /** What a pane shows, and what was scrolled off it, as text. Null when it is not there. */
  async capture(pane: string): Promise<string | null> {
    const { ok, stdout } = await this.client.call([["capture-pane", "-p", "-J", "-S", "-", "-t", pane]]);
    if (!ok) return null;
    // -J joins what was wrapped, and keeps the blanks at the ends of lines.
    const lines = stdout.split("\n").map((line) => line.trimEnd());
    const text = lines.join("\n").trimEnd();
    const last = text.slice(text.lastIndexOf("\n") + 1);
    // What tmux writes below is none of the agent's.
    return `${last.startsWith("Pane is dead") ? text.slice(0, text.length - last.length).trimEnd() : text}\n`;
  }

  /**
   * Types into a pane: a line as it is, then Return by itself, since programs take a Return that comes with other text for
   * a part of it.
   * @throws Failure `UNAVAILABLE` when the pane is not there, or its program has ended
   */
  async typeLine(pane: string, line: string): Promise<void> {
    if (line !== "") await this.#type(pane, line);
    await this.#type(pane, "\n");
  }

  /** The command that shows the session in this terminal. */
  attachCommand(name: string, options: { readonly readOnly: boolean }): readonly string[] {
    const readOnly = options.readOnly ? ["-r"] : [];
    return ["tmux", ...this.client.words([["attach-session", ...readOnly, "-t", `=${name}`]])];
  }

  /** Asks the server to end with all that runs in it. It may take a moment, or hang and never do it. */
  async kill(): Promise<void> {
    await this.client.call([["kill-server"]]);
  }

  /**
   * By a buffer, and not by `send-keys`: that is limited to 16 KB, is taken for commands where somebody scrolls, and since
   * 3.7 is refused while the terminal that looks may not type.
   */
  async #type(pane: string, input: string): Promise<void> {
    const buffer = `holdfast-${process.pid}`;
    const commands = [
      ["load-buffer", "-b", buffer, "-"],
      ["paste-buffer", "-d", "-b", buffer, "-t", pane],
    ];
    await this.client.do("type into the tmux session", commands, { input });
  }
}
