import { followOutput } from "./agent-output.ts";
import type { Context } from "./context.ts";
import { noSession, requireSession } from "./reconcile.ts";
import type { Waited } from "./wait.ts";

/** How much of the last output is searched, so that an endless line does not fill the memory. */
const searchedChars = 64 * 1024;

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
  const { session } = await requireSession(context, id);
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of followOutput(context, session, 0, signal)) {
    text = (text + decoder.decode(bytes, { stream: true })).slice(-searchedChars);
    if (pattern.test(text)) return { session, end: null };
  }
  signal?.throwIfAborted();
  throw noSession(session.id);
}
