import type { StdioOptions } from "node:child_process";
import { runTmux } from "./run-tmux.ts";
import { fieldsOf, orThrow, splitFields, type TmuxClient } from "./tmux-client.ts";
import { paneOptions, sessionOptions } from "./tmux-settings.ts";
import { ensureSocketDirectory } from "./tmux-socket.ts";

/** What a server is started with, and all that runs in it. */
export interface ServerStart {
  readonly env: NodeJS.ProcessEnv;
  /** Where the server itself lives: its pane is recorded to `output.log` there. */
  readonly cwd: string;
  readonly stdio: StdioOptions;
}

export interface PaneRequest {
  /** The session's name, free of what tmux gives a meaning. */
  readonly name: string;
  /** At least two words: tmux hands a single one to a shell. */
  readonly command: readonly [string, string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** The server ends with the pane's process when this process is dead by then. */
  readonly keeperPid: number;
}

export interface Pane {
  readonly id: string;
  /** Of the process in it. */
  readonly pid: number;
  readonly serverPid: number;
}

/** What became of a pane's process. */
export interface PaneState {
  readonly isDead: boolean;
  /** Null when a signal ended it, or nobody knows. */
  readonly code: number | null;
  /** A number or a name, as tmux knows it; null before 3.3. */
  readonly signal: string | null;
}

const paneFields = ["pane_id", "pane_pid", "pid"] as const;
/** On which a pane's end is told. */
const endChannel = "holdfast-ended";
/**
 * Wide enough for most output, until somebody attaches, whose terminal's size it takes. tmux 3.2 has its own mind about
 * it; what would convince it (`window-size manual`) makes 3.3a crash.
 */
const size = ["-x", "200", "-y", "50"] as const;

/**
 * Starts the server of a socket, without any session yet. It has no configuration but ours.
 * @throws Failure `UNAVAILABLE`, `NOT_PERMITTED`
 */
export async function startServer({ socket }: TmuxClient, { env, cwd, stdio }: ServerStart): Promise<void> {
  ensureSocketDirectory(socket);
  // Its command line is what a process table shows: no word in it could be taken for the agent.
  const words = ["-S", socket, "-f", "/dev/null", "start-server", ";", "set-option", "-s", "exit-empty", "off"];
  orThrow(await runTmux(words, { env, cwd, stdio }), "start tmux", socket);
}

/**
 * Opens the session with one pane, whose output is recorded from the first byte on.
 * @throws Failure `UNAVAILABLE`
 */
export async function openPane(client: TmuxClient, request: PaneRequest): Promise<Pane> {
  const { name, command, env, cwd, keeperPid } = request;
  const print = ["-P", "-F", fieldsOf(paneFields)];
  // In one go: nothing of the pane is read before all of it is done. Its directory is that of the call.
  const commands = [
    ...sessionOptions(name),
    ["new-session", "-d", "-s", name, ...size, ...print, ...command],
    ...paneOptions(endChannel, keeperPid),
    ["set-option", "-s", "exit-empty", "on"],
  ];
  return paneOf(await client.do("open a tmux session", commands, { env, cwd }));
}

/** Runs a pane's command again in its place, when it has ended. Null when there is no such pane any more. */
export async function respawnPane(client: TmuxClient, pane: string): Promise<Pane | null> {
  const show = ["display-message", "-p", "-t", pane, fieldsOf(paneFields)];
  const { ok, stdout } = await client.call([["respawn-pane", "-t", pane], show]);
  return ok ? paneOf(stdout) : null;
}

/** Resolves when a pane's process has ended, or the server has. It may come too early, or never: look, too. */
export async function paneEnd(client: TmuxClient): Promise<void> {
  const { spawn } = await import("node:child_process");
  await new Promise<void>((resolve) => {
    try {
      const words = client.words([["wait-for", endChannel]]);
      const child = spawn("tmux", words, { cwd: "/", env: client.env, stdio: "ignore" });
      child.once("exit", () => resolve());
      child.once("error", () => undefined);
    } catch {
      // Some errors of the system Node throws, such as ENOMEM: it is not told then.
    }
  });
}

/** What tmux says where a pane is not there any more; of one that hangs, or cannot be run, it says something else. */
const notThere = /^(?:can't find|no server running on|error connecting to)/;

/** `gone` when the pane, or its server, certainly is; null when tmux does not answer. */
export async function paneState(client: TmuxClient, pane: string): Promise<PaneState | "gone" | null> {
  const names = ["pane_id", "pane_dead", "pane_dead_status", "pane_dead_signal"];
  const { ok, stdout, problem } = await client.call([["display-message", "-p", "-t", pane, fieldsOf(names)]]);
  if (!ok) return notThere.test(problem) ? "gone" : null;
  const [id, isDead, code = "", signal = ""] = splitFields(stdout);
  if (id === "") return "gone";
  return { isDead: isDead === "1", code: code === "" ? null : Number(code), signal: signal === "" ? null : signal };
}

function paneOf(line: string): Pane {
  const [id = "", pid, serverPid] = splitFields(line);
  return { id, pid: Number(pid), serverPid: Number(serverPid) };
}
