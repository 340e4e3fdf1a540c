import { outputShows } from "../journal/search-output.ts";
import { followOutput } from "./agent-output.ts";
import type { Context } from "./context.ts";
import { noSession, requireSession } from "./reconcile.ts";
import { untilItsTurn } from "./until-its-turn.ts";
import type { Waited } from "./wait.ts";

export interface OutputWait {
  readonly id: string | null;
  readonly pattern: RegExp;
  readonly signal?: AbortSignal;
}

/**
 * Waits until the output of the active session shows the pattern, what it has written so far included.
 * @throws Failure `NO_SESSION` when the session ends without, `SESSION_MISMATCH`; the signal's reason when it aborts
 */
export async function waitForOutput(context: Context, { id, pattern, signal }: OutputWait): Promise<Waited> {
  await untilItsTurn(context, id, signal);
  const { session } = await requireSession(context, id);
  if (await outputShows(followOutput(context, session, 0, signal), pattern)) return { session, end: null };
  signal?.throwIfAborted();
  throw noSession(session.id);
}
