import { Failure } from "../failure.ts";
import { readSignal } from "../home/signals.ts";
import { systemClock } from "../process/clock.ts";
import { livenessOf, signalProcess, type ProcessIdentity } from "../process/identity.ts";
import { paneEnd, paneState, type PaneState } from "../tmux/agent-pane.ts";
import type { TmuxClient } from "../tmux/tmux-client.ts";
import type { AgentExit } from "./agent.ts";
import { exitOfStranger, type WatchOptions } from "./watched-process.ts";

export interface WatchedPane extends Required<Pick<WatchOptions, "everySecond">> {
  readonly pane: string;
  readonly server: ProcessIdentity | null;
  /** What runs in it; null when it was gone before anyone could look. */
  readonly agent: ProcessIdentity | null;
}

const lookEveryMs = 20;
/** How long tmux may take to see what can be seen. */
const patienceMs = 5_000;

/**
 * Resolves when what runs in a pane has ended, and how: that only tmux knows, whose child it is. tmux tells of the end;
 * in case it does not, the keeper looks as well. Code and signal are unknown when the pane or tmux itself was killed, and
 * before tmux 3.3 when a signal ended it.
 */
export async function exitInPane(client: TmuxClient, watched: WatchedPane): Promise<AgentExit> {
  const { pane, server, agent, everySecond } = watched;
  const told = new AbortController();
  void paneEnd(client).then(() => told.abort());
  const seen = agent === null ? null : await exitOfStranger(agent, { hint: told.signal, everySecond });
  const seenAtMs = seen?.seenAtMs ?? Number.NEGATIVE_INFINITY;
  let deadline = agent === null ? Number.POSITIVE_INFINITY : systemClock.now() + patienceMs;
  for (;;) {
    const state = await paneState(client, pane);
    const exit = state === null ? null : exitOf(state, told.signal.aborted);
    if (exit !== null) return { ...exit, seenAtMs };
    // One call that fails, on a busy machine, says nothing; one after the other, that nothing will be said any more.
    if (state === null && isGone(server)) return { ...unknown(), seenAtMs };
    if (agent === null)
      deadline = state === null ? Math.min(deadline, systemClock.now() + patienceMs) : Number.POSITIVE_INFINITY;
    if (systemClock.now() >= deadline) return { ...unknown(), seenAtMs };
    // tmux 3.3a at times misses that a child of it has died; any SIGCHLD makes it look for all of them.
    if (server !== null) wake(server);
    await systemClock.sleep(lookEveryMs, told.signal.aborted ? undefined : told.signal);
  }
}

/** Who cannot look whether that is still tmux (no descriptor is left, say) tries again. */
function wake(server: ProcessIdentity): void {
  try {
    signalProcess(server, "SIGCHLD");
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}

function isGone(server: ProcessIdentity | null): boolean {
  return server === null || livenessOf(server) === "dead";
}

/** @param isTold whether tmux has told of the end: it will not know more. Null: it does not know of it yet. */
function exitOf(state: PaneState | "gone", isTold: boolean): AgentExit | null {
  if (state === "gone") return unknown();
  const { isDead, code, signal } = state;
  if (!isDead || (code === null && signal === null && !isTold)) return null;
  return { code, signal: signal === null ? null : readSignal(signal), at: new Date() };
}

function unknown(): AgentExit {
  return { code: null, signal: null, at: new Date() };
}
