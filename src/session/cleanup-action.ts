/** What a clean-up may take; everything, when nothing is named. */
export interface CleanupScope {
  readonly orphans?: boolean;
  /** Sessions without a client and without activity for this long. */
  readonly idleMs?: number;
  /** Ended sessions older than this are forgotten. */
  readonly endedMs?: number;
  /** Only sessions whose id matches this glob. */
  readonly match?: string;
  readonly dryRun?: boolean;
}

/** One thing a clean-up did, or would do: what, why, and what became of it (R4.7). */
export interface CleanupAction {
  readonly what: "session" | "orphan" | "process" | "waiter" | "lock" | "ended_session";
  readonly name: string;
  readonly pid: number | null;
  readonly why: string;
  readonly result: "planned" | "ended" | "removed" | "failed";
  readonly detail: string | null;
}
