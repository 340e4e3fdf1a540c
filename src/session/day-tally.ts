import type { EventNamed } from "../journal/event.ts";

/** The session that lasted longest. */
export interface LongestSession {
  readonly id: string;
  readonly uid: string;
  readonly lock: string;
  readonly seconds: number;
  readonly endedAt: string;
}

/** Sessions that began on one day, or on several, in figures. */
export interface Tally {
  readonly sessions: number;
  /** Of them: those that still live. */
  readonly live: number;
  /** How long those lasted that have ended; null when none has. */
  readonly averageSeconds: number | null;
  readonly longest: LongestSession | null;
  /** How many ended for each reason. */
  readonly ended: ReadonlyMap<string, number>;
  /** Of those that ended by themselves: how many with another code than 0. */
  readonly failed: number;
  /** Of the same: how many of which nobody knows with which code, as of a launcher's agent. */
  readonly unknown: number;
  /** How many were found orphaned in that time, whenever they began, and left alone. */
  readonly orphaned: number;
}

/** An `ended` event that says which session it is of, as all do. */
export type SessionEnded = EventNamed<"ended"> & { readonly uid: string };

/** Adds sessions up, one after the other. */
export class DayTally implements Tally {
  sessions = 0;
  live = 0;
  failed = 0;
  unknown = 0;
  orphaned = 0;
  longest: LongestSession | null = null;
  readonly #ended = new Map<string, number>();
  #endedCount = 0;
  #secondsInAll = 0;

  get averageSeconds(): number | null {
    return this.#endedCount === 0 ? null : this.#secondsInAll / this.#endedCount;
  }

  get ended(): ReadonlyMap<string, number> {
    return this.#ended;
  }

  addLive(): void {
    this.sessions += 1;
    this.live += 1;
  }

  /** Of those that lasted equally long the first one stays the longest. */
  addEnded(event: SessionEnded): void {
    const { reason, duration_seconds: seconds, exit_code: code } = event;
    this.sessions += 1;
    this.#endedCount += 1;
    this.#secondsInAll += seconds;
    this.#ended.set(reason, (this.#ended.get(reason) ?? 0) + 1);
    if (reason === "exited" && code === null) this.unknown += 1;
    else if (reason === "exited" && code !== 0) this.failed += 1;
    if (this.longest !== null && this.longest.seconds >= seconds) return;
    const { session, uid, lock, ended_at: endedAt } = event;
    this.longest = { id: session ?? uid, uid, lock, seconds, endedAt };
  }
}
