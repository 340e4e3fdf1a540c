import { systemClock } from "../process/clock.ts";
import type { Context } from "./context.ts";
import { findLive } from "./find-live.ts";
import { activeSession } from "./reconcile.ts";
import type { SessionInfo } from "./session-info.ts";
import { atSlot } from "./slots.ts";
import type { Trouble } from "./trouble.ts";

/** How often to look at what lives of a session without the lock: no end of a claim tells when that is gone. */
export const lookAtOrphansEveryMs = 1_000;

export interface UntilOverOptions {
  readonly signal?: AbortSignal;
  /** Told when the end of a session that died without a word cannot be written down; absent: it is thrown. */
  readonly trouble?: Trouble;
}

/**
 * Resolves when a session is over: it does not hold the lock, and nothing of it lives on without its keeper. One that
 * died without a word is closed then. Woken by the end of its claim, and by a clock only while it lives without one.
 * @throws the signal's reason when it aborts
 */
export async function untilOver(
  given: Context,
  { uid, slot }: SessionInfo,
  { signal, trouble }: UntilOverOptions = {},
): Promise<void> {
  const context = atSlot(given, slot);
  for (;;) {
    const view = await context.lock.look();
    if (view.holder !== null && activeSession(view)?.session.uid === uid) {
      await context.lock.waitForEnd(view.holder, signal);
      continue;
    }
    const live = await findLive(context, view, trouble ?? null);
    if (live.every(({ session }) => session.uid !== uid)) return;
    await systemClock.sleep(lookAtOrphansEveryMs, signal);
    signal?.throwIfAborted();
  }
}
