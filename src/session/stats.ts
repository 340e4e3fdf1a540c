import { readEventsBackward } from "../journal/read.ts";
import type { Context } from "./context.ts";
import { DayTally, type SessionEnded, type Tally } from "./day-tally.ts";
import { findLiveOnSlots, type SessionState } from "./find-live.ts";
import { secondsBetween } from "./session-end.ts";

/** A session that lives now, whenever it began. */
export interface LiveNow {
  readonly id: string;
  readonly uid: string;
  readonly lock: string;
  readonly state: SessionState;
  readonly activeSeconds: number;
}

export interface DayStats extends Tally {
  /** The day's first moment, by the clock on the wall here. */
  readonly from: Date;
}

export interface Stats {
  /** The locks that were looked at. */
  readonly locks: readonly string[];
  /** One for each day, today last. */
  readonly days: readonly DayStats[];
  /** All days together. */
  readonly total: Tally;
  /** What lives now, orphans included, the oldest first. */
  readonly live: readonly LiveNow[];
  readonly maxOrphans: number | null;
}

export interface StatsRequest {
  /** How many days, today included; at least one. */
  readonly days: number;
  /** More orphans than this are too many; null: any number will do. */
  readonly maxOrphans: number | null;
  /** True: also what ended on locks that are not given. */
  readonly allLocks: boolean;
}

/**
 * Sessions by the day they began on, from the event log: it has one `ended` for each session, which tells when that
 * began. A session that is dead is closed on the way, as by `list`.
 * @param contexts one for each lock of the state directory, or for those that are asked for; at least one
 * @throws Failure when the log cannot be read
 */
export async function stats(contexts: readonly [Context, ...Context[]], request: StatsRequest): Promise<Stats> {
  const live = new Map<string, LiveNow>();
  for (const context of contexts) for (const each of await liveOn(context)) live.set(each.uid, each);
  const days = new Days(request.days, new Date());
  const locks = contexts.map((context) => context.lock.name);
  const isMeant = (lock: string): boolean => request.allLocks || locks.includes(lock);
  const [{ home }] = contexts;
  for (const event of readEventsBackward(home.log, { kinds: ["ended", "orphaned"], since: days.since })) {
    if (!isMeant(event.lock)) continue;
    if (event.event === "orphaned") days.orphaned(Date.parse(event.time));
    if (event.event !== "ended" || event.uid === undefined) continue;
    // It ended between the look at the locks and the end of the log.
    live.delete(event.uid);
    days.ended({ ...event, uid: event.uid });
  }
  const now = Date.now();
  for (const { activeSeconds } of live.values()) days.live(now - activeSeconds * 1000);
  return {
    locks,
    days: days.all,
    total: days.total,
    live: [...live.values()].toSorted((a, b) => b.activeSeconds - a.activeSeconds),
    maxOrphans: request.maxOrphans,
  };
}

/** How many sessions have lost their keeper and live on. */
export function orphansAmong({ live }: Stats): readonly LiveNow[] {
  return live.filter(({ state }) => state === "orphaned");
}

/** Whether there are more orphans than may be. */
export function hasTooManyOrphans(result: Stats): boolean {
  return result.maxOrphans !== null && orphansAmong(result).length > result.maxOrphans;
}

async function liveOn(context: Context): Promise<readonly LiveNow[]> {
  return (await findLiveOnSlots(context)).map(({ slot, live: { state, session } }) => ({
    id: session.id,
    uid: session.uid,
    lock: slot.lock.name,
    state,
    activeSeconds: secondsBetween(session.created_at, new Date()),
  }));
}

class Day extends DayTally implements DayStats {
  readonly from: Date;

  constructor(from: Date) {
    super();
    this.from = from;
  }
}

class Days {
  readonly all: readonly Day[];
  readonly total = new DayTally();
  /** The day that was meant last: the next one is near. */
  #index = 0;

  /** @param count how many, the day of `now` included */
  constructor(count: number, now: Date) {
    // Days of the calendar: twice a year one is an hour longer or shorter.
    const first = now.getDate() - (count - 1);
    const day = (index: number): Day => new Day(new Date(now.getFullYear(), now.getMonth(), first + index));
    this.all = Array.from({ length: count }, (_, index) => day(index));
    this.#index = count - 1;
  }

  get since(): Date {
    return new Date(this.#fromMs(0));
  }

  ended(event: SessionEnded): void {
    const begunMs = Date.parse(event.ended_at) - event.duration_seconds * 1000;
    for (const tally of this.#talliesOf(begunMs)) tally.addEnded(event);
  }

  live(begunMs: number): void {
    for (const tally of this.#talliesOf(begunMs)) tally.addLive();
  }

  orphaned(atMs: number): void {
    for (const tally of this.#talliesOf(atMs)) tally.orphaned += 1;
  }

  /** None before the first day. What a wrong clock put into the future counts as of today. */
  #talliesOf(ms: number): readonly DayTally[] {
    while (this.#fromMs(this.#index) > ms) this.#index -= 1;
    while (this.#fromMs(this.#index + 1) <= ms) this.#index += 1;
    const day = this.all[this.#index];
    return day === undefined ? [] : [day, this.total];
  }

  /** Without end before the first day and after the last one. */
  #fromMs(index: number): number {
    if (index < 0) return Number.NEGATIVE_INFINITY;
    return this.all[index]?.from.getTime() ?? Number.POSITIVE_INFINITY;
  }
}
