import type { ProcessIdentity } from "../process/identity.ts";

/**
 * How a claim says which pulse it has. Stored in the claim, so that every reader judges it by the right one.
 * `lease`: name of the lease beside the claim file, and how long after its last beat it counts as dead.
 */
export type PulseMark =
  | { readonly kind: "kernel" }
  | { readonly kind: "lease"; readonly lease: string; readonly stale_ms: number };

export type PulseKind = PulseMark["kind"];

/**
 * `unknown`: this process cannot take this pulse (no native part, another kernel). Callers count it as beating.
 */
export type Heartbeat = "beating" | "dead" | "unknown";

/** A file that carries a pulse, as a reader finds it. */
export interface PulsedFile {
  readonly path: string;
  readonly mark: PulseMark;
  readonly owner: ProcessIdentity;
}

/** A pulse this process keeps beating. */
export interface Beat {
  readonly mark: PulseMark;
  /** The locked descriptor to hand to children, so that the pulse lasts as long as any of them; null for a lease. */
  readonly descriptor: number | null;
  /** Fires when the pulse failed although nobody ended it. */
  readonly lost: AbortSignal;
  /** Ends the pulse for everyone who shares it: only when the claim is given back. */
  end(): Promise<void>;
  /** Stops this process's part and leaves the pulse to those who share it (hand-over, or leaving without a word). */
  leave(): Promise<void>;
}

export type PulsesByKind = Readonly<Record<PulseKind, Pulse>>;

/** One way to tell that a claim's owner lives. `kernel-pulse.ts` and `lease-pulse.ts` are the two there are. */
export interface Pulse {
  readonly kind: PulseKind;
  /**
   * Starts beating for a file that nobody else knows yet, or takes over a pulse that was handed on.
   * @param path the file; its directory is where a lease is kept
   * @param descriptor the file, open for writing; for a pulse handed on, the inherited descriptor
   */
  begin(path: string, descriptor: number, handedOn?: PulseMark): Promise<Beat>;
  probe(file: PulsedFile): Promise<Heartbeat>;
  /**
   * Resolves when the pulse has ended, without polling where the kernel can tell; rejects with the signal's reason
   * when it aborts. After an abort a kernel wait still occupies one thread of the pool until the pulse ends:
   * a process that gives up waiting is expected to exit.
   */
  waitForEnd(file: PulsedFile, signal?: AbortSignal): Promise<void>;
}
