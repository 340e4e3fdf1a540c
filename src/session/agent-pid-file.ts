import { resolve } from "node:path";
import { worksInside } from "../process/outside.ts";
import type { ProcessEntry } from "../process/table.ts";
import type { Context } from "./context.ts";
import { readPidFile, type PidFile } from "./pid-file.ts";
import type { SessionInfo } from "./session-info.ts";

/** A session as it was found. */
interface Seen {
  readonly session: SessionInfo;
  /** Whether its processes can be seen from here. */
  readonly visible: boolean;
  readonly processes: readonly ProcessEntry[];
}

/** The configured PID file of the agent; null when none is. */
function configuredPidFile({ home, config }: Context): string | null {
  return config.agent.pidFile === null ? null : resolve(home.root, config.agent.pidFile);
}

/**
 * The PID file of the session's agent, else the configured one, and whether it names an agent. While no session is
 * active, a process of this user that works in the project may be one: somebody may have started it by hand.
 * @param outside agents outside any session
 */
export async function agentPidFile(
  context: Context,
  sessions: readonly Seen[],
  outside: readonly ProcessEntry[],
): Promise<PidFile | null> {
  const own = sessions.find(({ session }) => session.pid_file !== null)?.session.pid_file;
  const path = own ?? configuredPidFile(context);
  if (path === null) return null;
  const file = readPidFile(path);
  // What runs in another PID namespace has other PIDs there.
  if (file.pid === null || file.state !== "alive" || sessions.some(({ visible }) => !visible)) return file;
  const known = [...sessions.flatMap(({ processes }) => processes), ...outside];
  if (known.some(({ pid }) => pid === file.pid)) return file;
  const mayBeOne = sessions.length === 0 && (await mayBeAgent(context, file.pid));
  return mayBeOne ? file : { ...file, state: "foreign" };
}

async function mayBeAgent(context: Context, pid: number): Promise<boolean> {
  const table = await context.processes();
  const [entry] = await table.list((each) => each === pid);
  return entry?.uid === process.geteuid?.() && (await worksInside(table, context.home.root, pid));
}
