import { errorText } from "../failure.ts";
import type { HeldLock } from "../lock/lock.ts";
import type { Context } from "../session/context.ts";
import { EndWriter, findEnd, type SessionEnd } from "../session/session-end.ts";
import type { Hold } from "../session/session-info.ts";
import type { EndedProcesses } from "./end-processes.ts";
import type { PublishedSession } from "./published-session.ts";
import type { SessionLog } from "./session-log.ts";

export interface Giving {
  readonly held: HeldLock;
  readonly published: PublishedSession;
  readonly log: SessionLog;
  readonly terminated: EndedProcesses;
  readonly isLockLost: boolean;
}

/**
 * Writes a session's end and gives the lock back; when this returns, the end is on disk. What goes wrong is complained of
 * in the log, and keeps no other step from being taken.
 */
export async function giveBack(context: Context, end: SessionEnd, giving: Giving): Promise<void> {
  const { held, published, log, terminated, isLockLost } = giving;
  const { session, hold } = published;
  const writer = new EndWriter(context, session, end);
  // Who has the lock by now may have closed the session.
  if (!isLockLost || findEnd(context, session.uid) === null) {
    writer.log();
    writer.record();
  }
  // On a full disk the end is lost here: the next one closes the session, as it finishes what is half written.
  const mayLive = terminated.survivors.length > 0 || terminated.isUnknown === true;
  const left = mayLive || writer.problems.length > 0 ? [session] : [];
  const unsettled = [...(hold.unsettled ?? []), ...left];
  try {
    await held.release({ session: { ...session, phase: "ended" }, unsettled } satisfies Hold);
  } catch (error) {
    log.complain("release", errorText(error));
  }
  // Nobody needs to wait for the disk but who is told of the end, and that is after this.
  writer.sync();
  for (const problem of writer.problems) log.complain("end", problem);
}

/** A keeper that stood still for longer than its lease lasts may hear of its agent's end before it hears of that. */
export async function hasLostLease(held: HeldLock, log: SessionLog): Promise<boolean> {
  if (held.pulse !== "lease") return false;
  try {
    return (await held.verify()) === "lost";
  } catch (error) {
    log.complain("lease", errorText(error));
    return false;
  }
}
