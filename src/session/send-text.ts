import { Failure } from "../failure.ts";
import type { Context } from "./context.ts";
import { requireSession } from "./require-session.ts";
import type { SessionInfo } from "./session-info.ts";
import { tmuxServerOf } from "./session-tmux.ts";
import { slotOf } from "./slot-of.ts";
import { startInTmuxStep } from "./start-again.ts";

/** What was typed, and to whom. */
export interface Sent {
  readonly session: SessionInfo;
  readonly lines: number;
}

/**
 * Types text into the terminal of the active session's agent: each line, and Return behind it.
 * @param id null: whatever session is active
 * @throws Failure `NO_SESSION`, `SESSION_MISMATCH`; `USAGE` when it has no terminal; `UNAVAILABLE` when tmux fails
 */
export async function sendText(given: Context, id: string | null, text: string): Promise<Sent> {
  const context = await slotOf(given, id);
  const { session } = await requireSession(context, id);
  const server = await tmuxServerOf(context, session);
  const pane = session.tmux?.pane ?? null;
  if (server === null || pane === null) throw withoutTerminal(context, session);
  const lines = text.replace(/\r?\n$/, "").split(/\r?\n/);
  let typed = 0;
  try {
    for (const line of lines) {
      await server.typeLine(pane, line);
      typed += 1;
    }
  } finally {
    // The first ones may have ended the agent, and with it the terminal.
    if (typed > 0) logTyped(context, session, typed);
  }
  return { session, lines: typed };
}

/** Not what: it may be a password. */
function logTyped({ journal, lock, by }: Context, { id, uid }: SessionInfo, lines: number): void {
  journal.append({ event: "typed", lock: lock.name, session: id, uid, by, lines });
}

function withoutTerminal({ config }: Context, { id, tmux }: SessionInfo): Failure {
  const why = tmux === null ? "it does not run in tmux, and its input is empty" : "its terminal is not there yet";
  return new Failure("USAGE", `Nothing can be typed into ${id}: ${why}`, {
    facts: { session: id },
    next: [startInTmuxStep(config)],
  });
}
