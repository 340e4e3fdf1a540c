import { endOfLog } from "../journal/read.ts";
import { OutputSearch } from "../journal/search-output.ts";
import { agentOutput, followOutput, outputUpTo, requireOutput } from "./agent-output.ts";
import type { Context } from "./context.ts";
import { findLiving } from "./find-session.ts";
import { requireSession } from "./require-session.ts";
import { findFreshEnd } from "./session-end.ts";
import type { SessionInfo } from "./session-info.ts";
import { slotOf } from "./slot-of.ts";
import { notItsTurn, untilItsTurn } from "./until-its-turn.ts";
import { endedBefore, findEnded, type Waited } from "./wait.ts";

export interface OutputWait {
  readonly id: string | null;
  readonly pattern: RegExp;
  /** The byte of the output to search from; one beyond its end is its end. Null: from the beginning. */
  readonly cursor: number | null;
  readonly signal?: AbortSignal;
}

export interface OutputWaited extends Waited {
  readonly session: SessionInfo;
  /** False when the signal aborted first. */
  readonly shown: boolean;
  /** Where to search on: after the match; without one, where a match may still begin. In bytes. */
  readonly nextCursor: number;
  /** How much of what was to be searched is not kept any more, in bytes. */
  readonly skippedBytes: number;
}

/**
 * Waits until the output of a session shows the pattern. What it has written so far is searched in any case, also when the
 * signal has aborted already.
 * @throws Failure `NO_SESSION` when the session ends without, `SESSION_MISMATCH`; `USAGE` when nothing is kept of what it
 *   writes
 */
export async function waitForOutput(context: Context, request: OutputWait): Promise<OutputWaited> {
  const session = await sessionMeant(context, request);
  requireOutput(session);
  const output = agentOutput(context.home, session.uid);
  const end = endOfLog(output.path);
  const search = new OutputSearch(request.pattern, request.cursor === null ? null : Math.min(request.cursor, end));
  const answer = (shown: boolean) => {
    return { session, end: null, shown, nextCursor: search.nextCursor, skippedBytes: search.skippedBytes };
  };
  let position = end;
  for (const piece of outputUpTo(output, search.readsFromByte, end)) {
    if (search.shows(piece)) return answer(true);
    position = piece.endByte;
  }
  for await (const piece of followOutput(context, session, position, request.signal)) {
    if (search.shows(piece)) return answer(true);
  }
  if (request.signal?.aborted === true) return answer(false);
  throw endedBefore({ session, end: findFreshEnd(context, session.uid) }, "its output showed that");
}

/** The session that lives; of one that was waited for in line, also when it has ended since. */
async function sessionMeant(context: Context, { id, signal }: OutputWait): Promise<SessionInfo> {
  const queued = await untilItsTurn(context, id, signal);
  const living = await findLiving(context, { id, uid: queued }, null);
  if (living !== null) return living;
  const ended = id === null ? null : findEnded(context, id, queued);
  // An older session of the same id may well have shown what the next one is waited for to show.
  if (ended !== null && queued === null) throw endedBefore(ended, null);
  if (ended?.session != null) return ended.session;
  if (queued !== null) throw notItsTurn(context, id, queued);
  return (await requireSession(await slotOf(context, id), id)).session;
}
