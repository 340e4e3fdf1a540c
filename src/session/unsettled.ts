import { Failure } from "../failure.ts";
import type { JudgedClaim } from "../lock/claim-directory.ts";
import { systemClock } from "../process/clock.ts";
import { here, livenessOf, whereaboutsOf } from "../process/identity.ts";
import { PidWindow } from "../process/pid-window.ts";
import type { ProcessEntry, ProcessTable } from "../process/table.ts";
import type { Context } from "./context.ts";
import { lastLogged } from "./lost-end.ts";
import { holdOf, unsettledOf, type Hold, type SessionInfo } from "./session-info.ts";
import { findClaimed, rootsOf, type ClaimedFamily } from "./session-roots.ts";

/** A session that was never ended, and what still runs of it. Without processes it only has to be closed. */
export interface Unsettled {
  readonly session: SessionInfo;
  readonly processes: readonly ProcessEntry[];
  /** Those of these that are not to be signalled: nobody starts beside them, either. */
  readonly unproven: readonly ProcessEntry[];
}

/**
 * The sessions whose keepers died without a word, going by the claim `from` and those below it: down to the first
 * holder that has written what it found itself. Usually that reads one claim.
 */
export async function findUnsettled(context: Context, from: JudgedClaim | null): Promise<readonly Unsettled[]> {
  const found = new Map<string, SessionInfo>();
  for (let claim = from; claim !== null; claim = await context.lock.below(claim.number)) {
    const { lost, isComplete } = toldBy(context, claim);
    for (const session of lost) found.set(session.uid, session);
    if (isComplete) break;
  }
  return withProcesses(context, [...found.values()]);
}

interface Told {
  readonly lost: readonly SessionInfo[];
  /** Whether the claims below have nothing to add. */
  readonly isComplete: boolean;
}

function toldBy(context: Context, claim: JudgedClaim): Told {
  const isReleased = claim.record.state === "released";
  const isDoubtful = mayBeUnwritten(context, claim);
  if (isReleased && !isDoubtful) {
    const left = unsettledOf(claim);
    return { lost: left ?? [], isComplete: left !== undefined };
  }
  const hold = readableHold(claim);
  if (hold === null) return { lost: [], isComplete: false };
  const { session, unsettled } = hold;
  const written = isDoubtful && session !== null ? lastLogged(context, session.uid).event : null;
  const isLost = session !== null && (!isReleased || written === "claimed");
  return {
    lost: [...(isLost ? [session] : []), ...(unsettled ?? [])],
    isComplete: unsettled !== undefined && (!isDoubtful || written === "ended"),
  };
}

/**
 * A holder gives the lock back before the disk has the end of its session. If the power failed just then, the log may
 * lack it although the claim says `released`, and those of the holders right before it, too. Lines do not overtake each
 * other: where one end is in the log, all before it are. Where other machines have their claims, another boot is no boot
 * before.
 */
function mayBeUnwritten({ pulse }: Context, { record }: JudgedClaim): boolean {
  return (record.pulse.kind === "kernel" || !pulse.fileSystem.shared) && record.owner.boot !== here().boot;
}

/**
 * What still runs of each of these sessions.
 * @param claim by which the one of them holds the lock; absent: none does
 */
export async function withProcesses(
  context: Context,
  sessions: readonly SessionInfo[],
  claim: JudgedClaim | null = null,
): Promise<readonly Unsettled[]> {
  if (sessions.length === 0) return [];
  const table = await context.processes();
  return Promise.all(
    sessions.map(async (session) => {
      if (claim === null && (await isSurelyDead(table, session))) return { session, processes: [], unproven: [] };
      const { members, unproven } = await whenNoneIsDying(() => findClaimed(table, context.home, session, { claim }));
      return { session, processes: [...unproven, ...members], unproven };
    }),
  );
}

/** Much longer than a process takes to be gone once it has given up its memory. */
const dyingMs = 200;
const lookEveryMs = 2;

/**
 * A session's processes, without those that are dying. The death of the last one frees the lock, and wakes who waits
 * for it, an instant before that process is gone. By then it has given up its memory, its arguments and cookie with it.
 */
export async function whenNoneIsDying(find: () => Promise<ClaimedFamily>): Promise<ClaimedFamily> {
  const deadline = systemClock.now() + dyingMs;
  for (;;) {
    const family = await find();
    const mayBeDying = [...family.unproven, ...family.members].some(({ argv }) => argv.length === 0);
    if (!mayBeDying || systemClock.now() > deadline) return family;
    await systemClock.sleep(lookEveryMs);
  }
}

/**
 * Known of a `run` without a look at all processes, if its agent is dead and it is known which PIDs have been given out
 * since that began. Nobody has its descriptor any more, for it does not hold the lock.
 */
async function isSurelyDead(table: ProcessTable, session: SessionInfo): Promise<boolean> {
  const { agent, descent } = session;
  if (agent === null || descent === null || whereaboutsOf(agent) !== "here" || livenessOf(agent) !== "dead")
    return false;
  const roots = rootsOf(session);
  // Numbers of another boot mean others.
  if (roots.groupLeader !== null || agent.boot !== here().boot) return false;
  const window = new PidWindow(descent.after_pid, descent.forks);
  const { mayHaveDescendants } = await import("../process/descendants.ts");
  return !(await mayHaveDescendants(table, roots, () => window.since(Number.POSITIVE_INFINITY)));
}

/** Null for a claim that does not say what it is held for. */
export function readableHold(claim: JudgedClaim): Hold | null {
  try {
    return holdOf(claim);
  } catch (error) {
    // A damaged claim of the past hides one session at most; its processes still carry their cookie.
    if (error instanceof Failure && error.code === "DATA") return null;
    throw error;
  }
}
