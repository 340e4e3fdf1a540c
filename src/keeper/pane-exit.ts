import { readSignal } from "../home/signals.ts";
import { systemClock } from "../process/clock.ts";
import { livenessOf, signalProcess, type ProcessIdentity } from "../process/identity.ts";
import { paneEnd, paneState, type PaneState } from "../tmux/agent-pane.ts";
import type { TmuxClient } from "../tmux/tmux-client.ts";
import type { AgentExit } from "./agent.ts";

export interface WatchedPane {
  readonly pane: string;
  readonly server: ProcessIdentity | null;
  /** What runs in it; null when it was gone before anyone could look. */
  readonly agent: ProcessIdentity | null;
}

/** tmux tells of the end. In case it does not, the keeper looks when it is awake anyway, and sooner in the beginning. */
const lookEveryMs = { first: 10, later: 1_000, dead: 20 } as const;
const firstMs = 300;
/** How long tmux may take to see what can be seen. */
const patienceMs = 5_000;

/**
 * Resolves when what runs in a pane has ended, and how: that only tmux knows, whose child it is. Code and signal are
 * unknown when its pane or tmux itself was killed, and before tmux 3.3 when a signal ended it.
 */
export async function exitInPane(client: TmuxClient, watched: WatchedPane): Promise<AgentExit> {
  const beginMs = systemClock.now();
  const told = new AbortController();
  void paneEnd(client).then(() => told.abort());
  for (let deadSinceMs: number | null = null; ;) {
    const isDead = watched.agent === null || livenessOf(watched.agent) === "dead";
    if (isDead) {
      const state = await paneState(client, watched.pane);
      const exit = exitOf(state, told.signal.aborted);
      if (exit !== null) return exit;
      // tmux 3.3a at times misses that a child of it has died; any SIGCHLD makes it look for all of them.
      if (watched.server !== null) signalProcess(watched.server, "SIGCHLD");
      deadSinceMs ??= systemClock.now();
      if (watched.agent !== null && systemClock.now() - deadSinceMs >= patienceMs) return unknown();
    }
    const everyMs = systemClock.now() - beginMs < firstMs ? lookEveryMs.first : lookEveryMs.later;
    await systemClock.sleep(isDead ? lookEveryMs.dead : everyMs, told.signal.aborted ? undefined : told.signal);
  }
}

/** @param isTold whether tmux has told of the end: it will not know more. Null: it does not know of it yet. */
function exitOf(state: PaneState | null, isTold: boolean): AgentExit | null {
  if (state === null) return unknown();
  const { isDead, code, signal } = state;
  if (!isDead || (code === null && signal === null && !isTold)) return null;
  return { code, signal: signal === null ? null : readSignal(signal), at: new Date() };
}

function unknown(): AgentExit {
  return { code: null, signal: null, at: new Date() };
}
