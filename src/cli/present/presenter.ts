import type { Failure, NextStep } from "../../failure.ts";
import type { AllLocks } from "../../session/all-locks.ts";
import type { AnyEvent } from "../../journal/event.ts";
import type { CleanupAction } from "../../session/cleanup-action.ts";
import type { Client } from "../../session/clients.ts";
import type { Check } from "../../session/doctor-check.ts";
import type { Joined } from "../../session/join.ts";
import type { Listing } from "../../session/list.ts";
import type { WaitNotice } from "../../session/place-in-line.ts";
import type { Sent } from "../../session/send-text.ts";
import type { SessionInfo } from "../../session/session-info.ts";
import type { Queued, Started } from "../../session/start.ts";
import type { Stats } from "../../session/stats.ts";
import type { Status } from "../../session/status.ts";
import type { Stopped } from "../../session/stop.ts";
import type { Waited } from "../../session/wait.ts";
import type { LiveView } from "./live-view.ts";
import type { OutputStream } from "./output-stream.ts";

/** What a waiter is told while it waits. */
export interface WaitingNotice extends WaitNotice {
  readonly id: string;
  readonly waitedSeconds: number;
}

/** A piece of an agent's output, for incremental reads. */
export interface OutputChunk {
  readonly session: SessionInfo;
  readonly text: string;
  /** Where in the output the text begins, in bytes; before the byte that was asked for only in a truncated output. */
  readonly fromByte: number;
  readonly nextCursor: number;
  /** How much before it was asked for, and is not kept any more, in bytes. */
  readonly skippedBytes: number;
  /** True when the session has ended and nothing more will come. */
  readonly eof: boolean;
}

/** A new configuration file. */
export interface Initialised {
  readonly path: string;
  /** What `start` runs by itself; null when that is left to whoever edits the file. */
  readonly command: readonly string[] | null;
}

/** Shows results; one for people, one for programs. Nothing else in holdfast prints. */
export interface Presenter {
  started(result: Started): void;
  queued(result: Queued): void;
  joined(result: Joined): void;
  sent(result: Sent): void;
  left(session: string | null, clients: readonly Client[]): void;
  stopped(result: Stopped): void;
  /** @param elsewhere how to look at what has another lock, where this one has nothing */
  status(result: Status, elsewhere?: NextStep): void;
  allLocks(result: AllLocks): void;
  /** For looks at a lock that changes. */
  live(): Promise<LiveView>;
  listed(listing: Listing): void;
  /** Several directories, and what runs for none that is found. */
  listedEverywhere(listings: readonly Listing[], trouble: readonly Failure[]): void;
  stats(result: Stats): void;
  cleaned(actions: readonly CleanupAction[], dryRun: boolean): void;
  /** One thing that `watch` did, when it did it. */
  swept(action: CleanupAction): void;
  waited(result: Waited, until: string): void;
  initialised(result: Initialised): void;
  examined(checks: readonly Check[]): void;
  /** What a shell reads: the script, or the words that may come next. */
  completion(shell: string, text: string): void;
  /**
   * Log lines, oldest first; with `follow` more calls come, one event each.
   * @param asked at most how many: where that is 0 there may be some all the same
   */
  events(events: readonly AnyEvent[], follow: boolean, asked?: number): void;
  /** The agent's output as it is, to stdout. */
  output(chunk: OutputChunk): void;
  /** Progress of a wait, on stderr; called whenever it changed, and at times when it did not. */
  waiting(notice: WaitingNotice): void;
  /** The wait is over, however it ended: what was drawn in place is taken back. */
  waitingOver(): void;
  /** A hint or warning, on stderr. */
  note(text: string): void;
  failure(failure: Failure): void;
}

export interface PresenterOptions {
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** From --color, --no-color, NO_COLOR, FORCE_COLOR; undefined: as each stream says. */
  readonly color: boolean | undefined;
  /** False where the terminal or the locale has no Unicode: symbols fall back to ASCII. */
  readonly unicode: boolean;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** What paths are shown relative to. */
  readonly cwd: string;
  /** How to call holdfast again on the same lock: `holdfast --lock nightly`. */
  readonly invocation: string;
  /** Tells who reads this (`HOLDFAST_OWNER`). */
  readonly env: NodeJS.ProcessEnv;
  /** The clock, for ages and for leaving out today's date. */
  readonly now?: () => Date;
}
