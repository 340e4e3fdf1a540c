import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { Json } from "./program.ts";
import { agent, type CallOptions, type Workspace } from "./workspace.ts";

export { whyNoTerminal as whyNoTmux } from "./terminal.ts";

export interface TmuxSession {
  readonly id: string;
  readonly uid: string;
  /** Of the agent. */
  readonly pid: number;
  readonly keeperPid: number;
  readonly serverPid: number;
  readonly socket: string;
}

/** Where tmux servers of a test listen, so that they meet nobody else's. */
export function tmuxEnvironment(workspace: Workspace): Readonly<Record<string, string>> {
  return { TMUX_TMPDIR: workspace.root, TERM: "xterm-256color" };
}

/** Starts a session in tmux, which must come to run. */
export async function startInTmux(
  workspace: Workspace,
  command: readonly string[] = agent("sleeper.sh"),
  { id = "demo", options = [], env = {} }: CallOptions & { id?: string; options?: readonly string[] } = {},
): Promise<TmuxSession> {
  const call = { env: { ...tmuxEnvironment(workspace), ...env } };
  const started = await workspace.holdfast(["start", id, "--tmux", ...options, "--json", "--", ...command], call);
  expect(started).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('"ok":true') });
  const { session } = started.json();
  const { socket } = session.tmux;
  const serverPid = Number(await tmux(workspace, socket, "display-message", "-p", "#{pid}"));
  const keeperPid = workspace.keepers().at(-1)?.pid ?? 0;
  return { id, uid: session.uid, pid: session.pid, keeperPid, serverPid, socket };
}

/** Calls tmux itself. @throws Error when it fails */
export async function tmux(workspace: Workspace, socket: string, ...words: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await workspace.spawn(["tmux", "-N", "-S", socket, ...words], {
    input: "",
    env: tmuxEnvironment(workspace),
  }).ended;
  if (exitCode !== 0) throw new Error(`tmux ${words.join(" ")}: ${stderr}`);
  return stdout.trimEnd();
}

/** The sockets there are, also those nobody listens at. */
export function socketsIn(workspace: Workspace): readonly string[] {
  const directory = join(workspace.root, `tmux-${process.getuid?.() ?? 0}`);
  return existsSync(directory) ? readdirSync(directory).filter((name) => name.startsWith("holdfast-")) : [];
}

/** What was kept of the history of a session's pane; empty when nothing was. */
export function historyOf(workspace: Workspace, { uid }: { readonly uid: string }): string {
  return workspace.read(`.holdfast/sessions/${uid}/tmux.log`);
}

/** Runs holdfast where tmux servers of this test are found. */
export function holdfastIn(workspace: Workspace) {
  return async (...words: string[]) => workspace.holdfast(words, { env: tmuxEnvironment(workspace) });
}

export async function statusIn(workspace: Workspace): Promise<Json> {
  return (await holdfastIn(workspace)("status", "--json")).json();
}
