import type { FilePiece } from "../journal/growing-file.ts";
import { endOfLog } from "../journal/read.ts";
import { OutputSearch } from "../journal/search-output.ts";
import { followOutput, readOutput } from "./agent-output.ts";
import type { Context } from "./context.ts";
import { activeSession, noSession, requireSession } from "./reconcile.ts";
import { sessionFiles } from "./session-files.ts";
import type { SessionInfo } from "./session-info.ts";
import { slotOf } from "./slots.ts";
import { notItsTurn, untilItsTurn } from "./until-its-turn.ts";
import type { Waited } from "./wait.ts";

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
}

/**
 * Waits until the output of the active session shows the pattern. What it has written so far is searched in any case,
 * also when the signal has aborted already.
 * @throws Failure `NO_SESSION` when the session ends without, `SESSION_MISMATCH`
 */
export async function waitForOutput(context: Context, request: OutputWait): Promise<OutputWaited> {
  const queued = await untilItsTurn(context, request.id, request.signal);
  const slot = await slotOf(context, request.id);
  const active = activeSession(await slot.lock.look());
  if (queued !== null && active?.session.uid !== queued) throw notItsTurn(context, request.id, queued);
  const { session } = await requireSession(slot, request.id);
  const end = endOfLog(sessionFiles(context.home, session.uid).output);
  const search = new OutputSearch(request.pattern, request.cursor === null ? null : Math.min(request.cursor, end));
  const answer = (shown: boolean) => ({ session, end: null, shown, nextCursor: search.nextCursor });
  for (const piece of outputSoFar(context, session, search.readsFromByte, end)) {
    if (search.shows(piece)) return answer(true);
  }
  for await (const piece of followOutput(context, session, end, request.signal)) {
    if (search.shows(piece)) return answer(true);
  }
  if (request.signal?.aborted === true) return answer(false);
  throw noSession(session.id);
}

const pieceBytes = 1024 * 1024;

function* outputSoFar(context: Context, session: SessionInfo, fromByte: number, end: number): Generator<FilePiece> {
  const { output } = sessionFiles(context.home, session.uid);
  for (let position = fromByte; position < end;) {
    const bytes = readOutput(output, position, Math.min(pieceBytes, end - position));
    if (bytes.length === 0) return;
    position += bytes.length;
    yield { bytes, endByte: position };
  }
}
