import { Failure } from "../failure.ts";
import type { JudgedClaim } from "../lock/claim-directory.ts";
import type { ClaimRecord } from "../lock/claim-record.ts";
import type { LockView } from "../lock/lock.ts";
import type { Context } from "./context.ts";
import { activeSession, reconcile, type ActiveSession } from "./reconcile.ts";
import { holdOf, type SessionInfo } from "./session-info.ts";
import { slotsOf } from "./slots.ts";
import type { Trouble } from "./trouble.ts";
import { withProcesses, type Unsettled } from "./unsettled.ts";

/** Where a session stands: `orphaned`: its processes live and its keeper does not. */
export type SessionState = "active" | "starting" | "restarting" | "ending" | "orphaned";

export interface LiveSession {
  readonly state: SessionState;
  readonly session: SessionInfo;
  readonly token: number;
  /** By which it holds the lock, if that is the last claim; null for an orphan beside another session. */
  readonly claim: JudgedClaim | null;
  /** What its own claim says, by which it holds the lock or held it. Null when that is gone, or cannot be read. */
  readonly record: ClaimRecord | null;
}

/**
 * The sessions of one slot that live in truth, the one that holds it first; more than one only after `start --force`. A
 * session that is dead is closed on the way (R1.2).
 * @param trouble told when that cannot be written down, or an orphan's claim not be read; null: it is thrown
 */
export async function findLive(
  context: Context,
  view: LockView,
  trouble: Trouble | null,
): Promise<readonly LiveSession[]> {
  const active = activeSession(view);
  const options = trouble === null ? {} : { onUnwritable: trouble.tell };
  const lost = [...(await reconcile(context, view, options)), ...(await beside(context, active))];
  const live: LiveSession[] = [];
  if (active !== null) {
    const { session, claim } = active;
    live.push({ state: stateOf(active), session, token: session.token ?? claim.number, claim, record: claim.record });
  }
  for (const { session } of lost) {
    if (view.last === null || session.uid === active?.session.uid) continue;
    const token = session.token ?? view.last.number;
    const claim = session.token === view.last.number ? view.last : null;
    const record = claim?.record ?? recordOf(context, session, trouble);
    live.push({ state: "orphaned", session, token, claim, record });
  }
  return live;
}

/** As `findLive`, on every slot of a lock. @returns each with the context of its slot */
export async function findLiveOnSlots(
  context: Context,
): Promise<readonly { readonly slot: Context; readonly live: LiveSession }[]> {
  const found: { slot: Context; live: LiveSession }[] = [];
  for (const slot of slotsOf(context)) {
    for (const live of await findLive(slot, await slot.lock.look(), null)) found.push({ slot, live });
  }
  return found;
}

/** What runs beside a session that was started with `--force`: it answers for that no less. */
async function beside(context: Context, active: ActiveSession | null): Promise<readonly Unsettled[]> {
  const known = active === null || active.orphaned ? [] : (holdOf(active.claim).unsettled ?? []);
  return (await withProcesses(context, known)).filter(({ processes }) => processes.length > 0);
}

function recordOf(context: Context, { token }: SessionInfo, trouble: Trouble | null): ClaimRecord | null {
  try {
    return token === null ? null : context.lock.recorded(token);
  } catch (error) {
    if (trouble === null || !(error instanceof Failure)) throw error;
    trouble.tell(error);
    return null;
  }
}

/** Where the session stands that holds the lock. */
export function stateOf({ session, orphaned }: ActiveSession): SessionState {
  if (orphaned) return "orphaned";
  switch (session.phase) {
    case "queued":
    case "starting":
      return "starting";
    case "running":
      return "active";
    case "restarting":
      return "restarting";
    case "ending":
    case "ended":
      return "ending";
  }
}
