import { ceases } from "../process/clock.ts";
import type { ProcessEntry } from "../process/table.ts";
import { terminate, type TerminateOptions, type TerminateResult } from "../process/terminate.ts";
import type { Context } from "./context.ts";
import type { SessionInfo } from "./session-info.ts";
import { forgetTmux, TmuxEnding } from "./session-tmux.ts";

export interface SessionEnding extends TerminateOptions {
  /** Leaves the tmux session that the agent ran in: the next agent will. */
  readonly keepTmux?: boolean;
  /** Awaited between the end of the agent's processes and that of its tmux session, which alone knows how it ended. */
  readonly beforeTmux?: () => Promise<unknown>;
}

/** How long what has lost its terminal may take to go by itself. */
const afterTmuxMs = 1_000;
const lookEveryMs = 10;

/**
 * Ends every process of a session that `find` finds. Where the agent runs in tmux, it and what it started come first.
 * Then goes the tmux session, with what people opened in it, and a copy of its history is kept.
 */
export async function endSessionProcesses(
  context: Context,
  session: SessionInfo,
  { keepTmux = false, beforeTmux, ...ending }: SessionEnding,
): Promise<TerminateResult> {
  if (session.tmux === null) return terminate(ending);
  const tmux = keepTmux ? null : await TmuxEnding.begin(context, session);
  const agents = await terminate({ ...ending, find: async () => withoutTmux(await ending.find(), session) });
  if (tmux === null) return agents;
  await beforeTmux?.();
  await tmux.finish();
  const { table, find, signal, killAfterMs } = ending;
  // What has lost its terminal, or has nothing more to record: most of it goes without being told.
  await ceases(async () => (await find()).length > 0, afterTmuxMs, lookEveryMs);
  const rest = await terminate({ table, find, signal, killAfterMs: Math.min(killAfterMs, afterTmuxMs) });
  forgetTmux(context, session);
  return { ended: [...agents.ended, ...rest.ended], survivors: rest.survivors };
}

/** Without the tmux server and all that it runs, but for the agent and what that started. */
function withoutTmux(entries: readonly ProcessEntry[], { agent, tmux }: SessionInfo): readonly ProcessEntry[] {
  const byPid = new Map(entries.map((entry) => [entry.pid, entry]));
  return entries.filter((entry) => {
    for (let at: ProcessEntry | undefined = entry; at !== undefined; at = byPid.get(at.ppid)) {
      if (at.pid === agent?.pid) return true;
      if (at.pid === tmux?.server?.pid) return false;
    }
    return true;
  });
}
