import { closeSync } from "node:fs";
import { openOwnFileToAppend } from "../home/own-file.ts";
import { abortAfter } from "../process/clock.ts";
import type { Context } from "../session/context.ts";
import type { QueuedHandover, Report } from "../session/handover.ts";
import { logClaimed } from "../session/new-session.ts";
import { LeftLine } from "../session/place-in-line.ts";
import { makeSessionDirectory, sessionFiles } from "../session/session-files.ts";
import { finishNow, takeLock, type TakenLock } from "../session/take-lock.ts";
import type { Opening } from "./background.ts";

const look = { does: "look", command: "holdfast status" };
const signals = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/**
 * Waits in line in the background. The first thing it learns, its place or that the lock was free, is reported; or why it
 * left before.
 * @returns null when it left the line: it was told to, or waited long enough
 */
export async function waitForTurn(
  context: Context,
  { session, wait_ms: waitMs, force }: QueuedHandover,
  report: (message: Report) => void,
): Promise<{ readonly taken: TakenLock; readonly opening: Opening } | null> {
  const leaving = new AbortController();
  const leave = (): void => leaving.abort(new LeftLine("terminated"));
  for (const signal of signals) process.on(signal, leave);
  const patience = waitMs === null ? null : abortAfter(waitMs);
  patience?.addEventListener("abort", () => leaving.abort(patience.reason), { once: true });
  let isAttended = true;
  try {
    const fresh = await takeLock(context, session, {
      verb: "start",
      force,
      wait: {
        signal: leaving.signal,
        onWaiting: (notice) => {
          report({ outcome: "queued", ...notice });
          isAttended = false;
        },
      },
    });
    const taken = finishNow(fresh);
    // Told to leave in the very moment of its turn: the session's own end takes it from here.
    if (leaving.signal.aborted) setImmediate(() => process.kill(process.pid, "SIGTERM"));
    return { taken, opening: { report, isAttended, prepare: () => prepare(context, taken) } };
  } catch (error) {
    if (!leaving.signal.aborted || error !== leaving.signal.reason) throw error;
    report(waitMs === null || error instanceof LeftLine ? toldToEnd() : gaveUp(waitMs));
    return null;
  } finally {
    // When the session's keeper listens, not before: a signal that has come already would be lost in between.
    setImmediate(() => {
      for (const signal of signals) process.off(signal, leave);
    });
  }
}

/** For a `start` that has not been told of its place yet, and is not going to be. */
function toldToEnd(): Report {
  const { pid } = process;
  const message = `The keeper (PID ${pid}) was told to end before it had its place in line`;
  return { outcome: "failed", code: "START_FAILED", message, facts: { keeper_pid: pid }, next: [look] };
}

function gaveUp(waitMs: number): Report {
  const seconds = waitMs / 1000;
  const message = `Gave up waiting after ${seconds} s`;
  return { outcome: "failed", code: "WAIT_TIMEOUT", message, facts: { waited_seconds: seconds }, next: [look] };
}

/** What `start` does for a session whose lock it takes itself. */
function prepare(context: Context, { session, held }: TakenLock): void {
  const files = sessionFiles(context.home, session.uid);
  makeSessionDirectory(files);
  // Last words, of V8's too, go where a keeper's go. The kernel gives out the lowest free number.
  closeSync(2);
  openOwnFileToAppend(files.keeperLog, "the keeper's log");
  logClaimed(context, session, held.token);
}
