import { closeSync, fstatSync, readSync } from "node:fs";
import { openOwnFile } from "../home/own-file.ts";
import { followFile } from "../journal/follow.ts";
import type { FilePiece } from "../journal/growing-file.ts";
import type { Context } from "./context.ts";
import { activeSession, reconcile } from "./reconcile.ts";
import { sessionFiles } from "./session-files.ts";
import { atSlot } from "./slots.ts";
import type { SessionInfo } from "./session-info.ts";

/**
 * The agent's output from a byte on, as it comes, until the session has ended and everything it wrote was given.
 * Woken by the file and by the end of the session, not by a clock.
 */
export async function* followOutput(
  context: Context,
  session: SessionInfo,
  fromByte: number,
  signal?: AbortSignal,
): AsyncGenerator<FilePiece> {
  const over = new AbortController();
  if (signal?.aborted === true) over.abort();
  else signal?.addEventListener("abort", () => over.abort(), { once: true });
  const { output } = sessionFiles(context.home, session.uid);
  let position = fromByte;
  // Aborted by the caller, the wait is left behind: it ends with the session, or with this process.
  void untilEnded(atSlot(context, session.slot), session.uid, over.signal).finally(() => over.abort());
  for await (const piece of followFile(output, { fromByte, signal: over.signal })) {
    position = piece.endByte;
    yield piece;
  }
  if (signal?.aborted === true) return;
  const rest = readOutput(output, position, Number.POSITIVE_INFINITY);
  if (rest.length > 0) yield { bytes: rest, endByte: position + rest.length };
}

/** What lies between two bytes of a file; empty when it does not exist or ends before. */
export function readOutput(path: string, fromByte: number, maxBytes: number): Buffer {
  const descriptor = openOwnFile(path, "read the agent's output");
  if (descriptor === null) return Buffer.alloc(0);
  try {
    const length = Math.max(0, Math.min(fstatSync(descriptor).size - fromByte, maxBytes));
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, readSync(descriptor, buffer, 0, length, fromByte));
  } finally {
    closeSync(descriptor);
  }
}

async function untilEnded(context: Context, uid: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const view = await context.lock.look();
    if (view.holder === null || activeSession(view)?.session.uid !== uid) {
      await reconcile(context, view);
      return;
    }
    try {
      await context.lock.waitForEnd(view.holder, signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
  }
}
