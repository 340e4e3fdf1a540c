import type { ProcessIdentity } from "./identity.ts";
import type { KnownFile } from "./known-file.ts";
import type { Moment } from "./moment.ts";

/** An agent as a claim names it. A claim is a file: what it says of a process is no proof that the process is ours. */
export interface NamedAgent {
  readonly agent: ProcessIdentity;
  /** Files of its session that it was started with, beside those that everything in the session inherits: its output. */
  readonly files: readonly KnownFile[];
}

/** What makes a process belong to a session. */
export interface TreeRoots {
  /** The agent, when it leads a process group of its own; null when it shares its caller's, which is then never used. */
  readonly groupLeader: ProcessIdentity | null;
  /** When whoever asks has seen that it was gone; null, or absent: nobody has. */
  readonly leaderGoneBy?: Moment | null;
  /** Processes that belong to the session with all their descendants, as whoever asks knows for certain. */
  readonly roots: readonly ProcessIdentity[];
  /** The agent as a claim names it: it counts, with its group and descendants, only if something else proves it. */
  readonly named?: NamedAgent | null;
  /** The value of `HOLDFAST_SESSION` in the environment of the session's processes. */
  readonly cookie: string | null;
  /** Files that nobody but the session's processes, and its keeper, has open for writing: its locked claim. */
  readonly inherited?: readonly KnownFile[];
  /** PIDs that are never included: the keeper, this process, its ancestors. */
  readonly except: readonly number[];
  /** Who holds the session, and the claim it has open for that; null, or absent, when it is dead or not known. */
  readonly keeper?: { readonly process: ProcessIdentity; readonly claim: KnownFile | null } | null;
  /**
   * A process that no process of the session can be older than: whoever started its first agent, or that agent. Spares
   * reading the environments of all that were there before, which are most. Absent: nothing is known.
   */
  readonly notBefore?: ProcessIdentity;
  /** True to be shown zombies too. */
  readonly zombies?: boolean;
}
