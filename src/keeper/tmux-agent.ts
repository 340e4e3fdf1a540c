import { existsSync, fstatSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, failureFromErrno } from "../failure.ts";
import { shellWord } from "../home/shell-word.ts";
import { systemClock } from "../process/clock.ts";
import { findProgram } from "../process/find-program.ts";
import { identify, type ProcessIdentity } from "../process/identity.ts";
import { withClaim } from "../session/claim-descriptor.ts";
import type { Context } from "../session/context.ts";
import { sessionFiles } from "../session/session-files.ts";
import { endTmux, tmuxServerOf } from "../session/session-tmux.ts";
import { openPane, respawnPane, startServer, type Pane } from "../tmux/agent-pane.ts";
import type { TmuxClient } from "../tmux/tmux-client.ts";
import type { TmuxServer } from "../tmux/tmux-server.ts";
import { cannotRun, isDirectory, type Agent, type AgentSpec } from "./agent.ts";
import { exitInPane } from "./pane-exit.ts";
import type { PublishedSession } from "./published-session.ts";
import type { SessionKeeper } from "./session-keeper.ts";

/** What runs in tmux has its output recorded. */
export type TmuxAgentSpec = AgentSpec & { readonly output: number };

/** Much longer than tmux takes to tell how a process has ended. */
const newsMs = 2_000;

/**
 * Starts the agent in the tmux session of its holdfast session: in a new one, or again in the pane in which the one
 * before has ended. When this returns, its program runs, or is about to.
 * @throws Failure as `spawnAgent` does; `UNAVAILABLE` when tmux does not do what it should
 */
export async function spawnInTmux(context: Context, keeper: SessionKeeper, spec: TmuxAgentSpec): Promise<Agent> {
  const { published } = keeper;
  requireProgram(spec);
  const outputFromByte = fstatSync(spec.output).size;
  const { client, pane, server } = await paneFor(context, published, spec);
  const spawnedAtMs = systemClock.now();
  const identity = identify(pane.pid);
  const exited = exitInPane(client, {
    pane: pane.id,
    server,
    agent: identity,
    everySecond: (listener) => keeper.rounds.everySecond(listener),
  });
  // Gone already, it has failed to start: whoever settles that waits for no more than a moment.
  if (identity === null) await Promise.race([exited, systemClock.sleep(newsMs)]);
  return { pid: pane.pid, spawnedAtMs, identity, exited, outputFromByte };
}

/** tmux would only show in the pane that a program could not be run. */
function requireProgram({ command: [program = ""], cwd, env }: AgentSpec): void {
  const found = findProgram(program, { env, cwd });
  if (typeof found !== "string" && isDirectory(cwd)) return;
  const errno = typeof found === "string" ? found : "ENOENT";
  throw cannotRun(program, cwd, { errno, message: errno });
}

async function paneFor(
  context: Context,
  published: PublishedSession,
  spec: AgentSpec,
): Promise<{ readonly client: TmuxClient; readonly pane: Pane; readonly server: ProcessIdentity | null }> {
  const { session } = published;
  const server = await tmuxServerOf(context, session);
  if (server === null || session.tmux === null) {
    throw new Failure("INTERNAL", "The socket of this session's tmux is called like another one's", {
      facts: { path: session.tmux?.socket },
    });
  }
  const { client } = server;
  // Where its script is gone, so is the directory that the server lives in, and nothing more would be recorded.
  const isWhole = existsSync(scriptIn(sessionFiles(context.home, session.uid).directory));
  const before = session.tmux.pane === null || !isWhole ? null : await respawnPane(client, session.tmux.pane);
  if (before !== null) return { client, pane: before, server: session.tmux.server };
  // Somebody has closed the pane, killed the server, or removed the directory.
  if (session.tmux.pane !== null) await endTmux(server, session.tmux.server);
  const pane = await openFirst(server, { context, published, spec, name: session.tmux.name });
  const serverProcess = identify(pane.serverPid);
  published.publish({ tmux: { ...session.tmux, pane: pane.id, server: serverProcess } });
  return { client, pane, server: serverProcess };
}

interface FirstPane {
  readonly context: Context;
  readonly published: PublishedSession;
  readonly spec: AgentSpec;
  readonly name: string;
}

async function openFirst(server: TmuxServer, { context, published, spec, name }: FirstPane): Promise<Pane> {
  const { directory } = sessionFiles(context.home, published.session.uid);
  const script = writeScript(directory, spec.command);
  // The size of the caller's terminal is none of this one.
  const { COLUMNS: _, LINES: __, ...env } = spec.env;
  await startServer(server.client, {
    env,
    cwd: directory,
    stdio: withClaim(["ignore", "pipe", "pipe"], spec.descriptor),
  });
  try {
    const command = ["sh", script] as const;
    return await openPane(server.client, { name, command, env, cwd: spec.cwd, keeperPid: process.pid });
  } catch (error) {
    await server.kill();
    throw error;
  }
}

function scriptIn(directory: string): string {
  return join(directory, "agent.sh");
}

/** The words of a command may be more than tmux takes, and a single word it would hand to a shell. */
function writeScript(directory: string, command: readonly string[]): string {
  const path = scriptIn(directory);
  const text = `# What runs in the tmux session, written by holdfast.\nexec ${command.map(shellWord).join(" ")}\n`;
  try {
    writeFileSync(path, text, { mode: 0o600 });
  } catch (error) {
    throw failureFromErrno(error, "write the agent's script for tmux", path);
  }
  return path;
}
