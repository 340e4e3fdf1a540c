import type { ProcessIdentity } from "../../src/process/identity.ts";
import type { PulseKind, PulseMark } from "../../src/lock/pulse.ts";

/** What a contender is asked to do: one JSON line on its standard input, answered by one with the same id. */
export interface LockOperations {
  look: { asks: unknown; answers: View };
  /** Answers when the lock is held, refused, or the wait was aborted. */
  acquire: { asks: AcquireOrder; answers: AcquireAnswer };
  /** Waits in line for the lock, and testifies how it got it. */
  takeTurn: { asks: unknown; answers: Turn };
  /** Of the turn it has: whether no more have one than there are slots. */
  isAlone: { asks: unknown; answers: boolean };
  abort: { asks: unknown; answers: null };
  /** Stand still just before this step on files, counted from 1, or before this one of a kind, and say which it is. */
  pauseBefore: { asks: { step: number; kind?: string }; answers: null };
  update: { asks: { info: unknown }; answers: null };
  verify: { asks: unknown; answers: "held" | "restored" | "lost" };
  show: { asks: unknown; answers: null };
  /** Whether the `lost` that it got with the lock has fired. */
  isLost: { asks: unknown; answers: boolean };
  release: { asks: { info?: unknown }; answers: null };
  /** Spawns a process that only shares the locked descriptor. */
  spawnBystander: { asks: unknown; answers: { pid: number } };
  /** Spawns a contender that can carry the lock on. */
  spawnHeir: { asks: unknown; answers: { pid: number } };
  handTo: { asks: { pid: number }; answers: HandOverMessage };
  adopt: { asks: HandOverMessage; answers: { token: number } };
}

export type LockOperation = keyof LockOperations;

export interface AcquireOrder {
  readonly purpose?: "session" | "maintenance";
  readonly info?: unknown;
  readonly wait?: boolean;
  readonly passQueue?: boolean;
  /** As the operation of this name, and only until the answer. */
  readonly pauseBefore?: number;
}

export interface ClaimView {
  readonly number: number;
  readonly pid: number;
  readonly purpose: string;
  readonly state: string;
  readonly info: unknown;
  readonly heartbeat: string;
  readonly owner: string;
  readonly free: boolean;
}

export interface View {
  readonly holder: ClaimView | null;
  readonly last: ClaimView | null;
  readonly waiters: readonly ClaimView[];
}

export type AcquireAnswer =
  | { readonly held: { readonly token: number; readonly pulse: PulseKind }; readonly view?: undefined }
  | { readonly held: null; readonly view: View };

/** Times are those of `monotonicMs`. */
export interface TicketTaken {
  readonly number: number;
  readonly takenAtMs: number;
}

export interface Turn {
  readonly token: number;
  /** Null when the lock was free and nobody in line. */
  readonly ticket: TicketTaken | null;
  /** Just before the claim was, that it has. */
  readonly publishedAtMs: number;
  /** Not before it was. */
  readonly grantedAtMs: number;
  readonly isAlone: boolean;
}

export interface HandOverMessage {
  readonly token: number;
  readonly mark: PulseMark;
  readonly owner: ProcessIdentity;
}

/** What a contender says unasked. */
export type LockEvent =
  | { readonly event: "ready"; readonly pid: number }
  | {
      readonly event: "waiting";
      readonly position: number;
      readonly holder: ClaimView | null;
      readonly ticket: TicketTaken | null;
    }
  | { readonly event: "pausing"; readonly step: string };

export interface Request {
  readonly id: number;
  readonly op: LockOperation;
  readonly args: unknown;
}

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | {
      readonly id: number;
      readonly error: { readonly name: string; readonly code?: string; readonly message: string };
    };

/** The descriptor under which a bystander or an heir inherits the claim. */
export const inheritedDescriptor = 10;
/** Pipes of the test that a contender passes on, as standard input and output of the process it spawns. */
export const pipesForChild = [3, 4] as const;
/** Where a contender that stands still reads, until it may go on. */
export const gateDescriptor = 5;
