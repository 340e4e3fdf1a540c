import type { Failure, NextStep } from "../failure.ts";
import { lastSignOfLife } from "./activity.ts";
import { liveClients } from "./clients.ts";
import type { Context } from "./context.ts";
import { endedSessions } from "./ended-sessions.ts";
import { findLive, type LiveSession, type SessionState } from "./find-live.ts";
import { secondsBetween, type SessionRecord } from "./session-end.ts";
import type { SessionInfo } from "./session-info.ts";
import { slotsOf } from "./slots.ts";
import { startStep } from "./start-again.ts";
import { queueEntry, type QueueEntry } from "./status.ts";
import { Trouble } from "./trouble.ts";

export interface ListedWaiter {
  readonly kind: "queued";
  readonly lock: string;
  readonly entry: QueueEntry;
}

export interface ListedLive {
  readonly kind: "live";
  readonly lock: string;
  readonly state: SessionState;
  readonly session: SessionInfo;
  readonly token: number;
  readonly activeSeconds: number;
  readonly lastActivity: Date;
  readonly clients: number;
}

export interface ListedEnded {
  readonly kind: "ended";
  readonly record: SessionRecord;
}

export type ListedSession = ListedWaiter | ListedLive | ListedEnded;

export interface Listing {
  /** The root of the project whose sessions these are. */
  readonly directory: string;
  /** Where their state is. */
  readonly stateDirectory: string;
  /** The locks that were looked at. */
  readonly locks: readonly string[];
  /** Those to come, those that run, those that are over: the newest first. */
  readonly sessions: readonly ListedSession[];
  /** True when more ended sessions would be listed but for `count`. */
  readonly more: boolean;
  /** What could not be read or written. */
  readonly trouble: readonly Failure[];
  /** Why a lock, or one of its slots, cannot be told of; null when all can. */
  readonly hidden: Failure | null;
  /** How to begin, where there is nothing yet. */
  readonly toStart: NextStep;
}

export interface ListRequest {
  /** Only ended sessions, whatever their age; else those that ended within `retention.listed` and what is not over. */
  readonly ended: boolean;
  /** At most so many ended ones. */
  readonly count: number;
  /** True: also what ended on locks that are not given. */
  readonly allLocks: boolean;
}

/**
 * What waits, runs and has ended on these locks of one state directory, as it is in truth: a session that is dead is
 * closed on the way, and then is one that ended (R1.2, R2.3). What cannot be read hides nothing else.
 * @param contexts one for each lock, at least one
 */
export async function list(contexts: readonly [Context, ...Context[]], request: ListRequest): Promise<Listing> {
  const waiting: ListedWaiter[] = [];
  const live: ListedLive[] = [];
  const trouble = new Trouble();
  for (const context of contexts) {
    for (const slot of slotsOf(context)) {
      const seen = await trouble.spare(() => listSlot(slot, trouble));
      live.push(...(seen?.live ?? []));
      // The line is that of all slots.
      if (waiting.every(({ lock }) => lock !== slot.lock.name)) waiting.push(...(seen?.waiting ?? []));
    }
  }
  const [{ home, config, lock }] = contexts;
  // After the look at the locks: what ended meanwhile is on record, and is listed as that.
  const records = endedSessions(home, {
    count: request.count + 1,
    lock: request.allLocks ? null : lock.name,
    ...(request.ended ? {} : { sinceMs: Date.now() - config.retention.listedMs }),
    onUnreadable: trouble.tell,
  });
  const over = new Set(records.map(({ session }) => session.uid));
  const ended = records.slice(0, request.count).map((record) => ({ kind: "ended", record }) as const);
  return {
    directory: home.root,
    stateDirectory: home.state,
    locks: contexts.map((context) => context.lock.name),
    sessions: request.ended ? ended : [...waiting, ...live.filter(({ session }) => !over.has(session.uid)), ...ended],
    more: records.length > request.count,
    trouble: trouble.found,
    hidden: trouble.hidden,
    toStart: startStep(config, null),
  };
}

async function listSlot(
  slot: Context,
  trouble: Trouble,
): Promise<{ readonly live: readonly ListedLive[]; readonly waiting: readonly ListedWaiter[] }> {
  const view = await slot.lock.look();
  const live = await findLive(slot, view, trouble);
  view.unreadable.forEach(trouble.tell);
  const waiting = view.waiters.map((ticket, index) => {
    return { kind: "queued", lock: slot.lock.name, entry: queueEntry(ticket, index) } as const;
  });
  return { live: live.map((each) => listedLive(slot, each, trouble)), waiting };
}

function listedLive(context: Context, { state, session, token }: LiveSession, trouble: Trouble): ListedLive {
  return {
    kind: "live",
    lock: context.lock.name,
    state,
    session,
    token,
    activeSeconds: secondsBetween(session.created_at, new Date()),
    lastActivity: lastSignOfLife(context.home, session),
    clients: liveClients(context, session, trouble.tell).length,
  };
}
