import type { Failure } from "../failure.ts";
import type { ProcessIdentity } from "../process/identity.ts";
import type { JudgedClaim } from "./claim-directory.ts";
import type { ClaimRecord } from "./claim-record.ts";
import type { PulseKind, PulseMark } from "./pulse.ts";

/**
 * The port: what a session needs of a lock. The claim directory (`claim-lock.ts`) is its one implementation so far;
 * nothing outside `lock/` knows a claim's file name.
 */
export interface Lock {
  readonly name: string;
  /** Which of its slots this is: 1, unless several sessions may hold the lock at once. What follows is about this one. */
  readonly slot: number;
  /** The same lock at another slot. */
  at(slot: number): Lock;
  /** The slots that were ever taken, and the first, in order. */
  slotsInUse(): readonly number[];
  /** Who holds it, who waits, and what the last claim says. Changes nothing. */
  look(): Promise<LockView>;
  /** Who waits; also where the last claim cannot be read. Changes nothing. */
  line(): Promise<LineView>;
  /**
   * Takes the lock, or says who is in the way. Rejects with the signal's reason when a wait is aborted, and with `USAGE`
   * when live holders or waiters go by another number of slots. What passes the queue takes this very slot, else any.
   */
  acquire(request: AcquireRequest): Promise<Acquired>;
  /** The claim just below a number, alive or not, that can be read: what came before it. Null when there is none. */
  below(number: number): Promise<JudgedClaim | null>;
  /** What a claim says, alive or not; null when it is gone. It is not judged, which may take seconds with a lease. */
  recorded(number: number): ClaimRecord | null;
  /** Carries on a lock that another process took and handed over. */
  adopt(handedOver: HandedOver): Promise<HeldLock>;
  /** Resolves when the holder of this view may have ended; look again then. */
  waitForEnd(holder: JudgedClaim, signal?: AbortSignal): Promise<void>;
}

/** @param views what is in the way, slot by slot */
export type Acquired =
  | { readonly held: HeldLock }
  | { readonly held: null; readonly views: readonly [LockView, ...LockView[]] };

export interface AcquireRequest {
  readonly purpose: "session" | "maintenance";
  /** What the lock is held for: stored in the claim, never looked into. */
  readonly info: unknown;
  /** How many may hold the lock at once; 1 when absent. All who want it must say the same. */
  readonly slots?: number;
  /** What to call whoever holds the lock, or waits for it, in messages; by its PID when absent or null. */
  readonly nameOf?: (claim: JudgedClaim) => string | null;
  /**
   * Looks whether a slot is of use now that it is held. Null: it is. Else it has been given back already, and the other
   * slots are tried; a waiter keeps its place in line meanwhile.
   */
  readonly accept?: (held: HeldLock) => Promise<WaitForUse | null>;
  /** Absent: do not wait. */
  readonly wait?: WaitOptions;
  /** True to pass live waiters: only for maintenance, which gives the lock back at once. */
  readonly passQueue?: boolean;
  /** True to take the lock although its last claim is damaged beyond reading (and no kernel lock is on it). */
  readonly despiteDamage?: boolean;
}

export interface WaitOptions {
  readonly signal?: AbortSignal;
  /** What the queue shows of this waiter. */
  readonly info: unknown;
  /** Called when the wait begins and whenever what it waits for has changed. */
  readonly onWaiting?: (view: WaitView) => void;
  /**
   * Called when this waiter has been the next in line for a moment: time to make ready what its turn will need. Not with
   * a lease, nor with several slots, where nothing is known of the lock that it will have.
   */
  readonly onNext?: (ahead: AheadOfTurn) => void;
}

/** The lock as the next in line will have it, unless something comes between; see `HeldLock.isAsAhead`. */
export interface AheadOfTurn {
  /** As `HeldLock.descriptor`: what is started now may inherit it already. */
  readonly descriptor: number | null;
  /** True when something has come between: the descriptor is closed. */
  readonly isOver: boolean;
}

/** Waits until a slot that was refused is worth another try. */
export type WaitForUse = () => Promise<void>;

export interface WaitView {
  /** The number of this waiter's ticket. */
  readonly ticket: number;
  /** 1: next in line. */
  readonly position: number;
  /** One for each slot that is held. */
  readonly holders: readonly JudgedClaim[];
}

/** The line before a lock, that of all its slots. */
export interface LineView {
  /** Live tickets, in order. A damaged ticket is nobody's place. */
  readonly waiters: readonly JudgedClaim[];
  /** What is wrong with tickets that cannot be read, and may well be somebody's place: nobody may pass them. */
  readonly unreadable: readonly Failure[];
}

export interface LockView extends LineView {
  /** The live claim with the highest number, a maintenance claim included. */
  readonly holder: JudgedClaim | null;
  /** The claim with the highest number, alive or not. */
  readonly last: JudgedClaim | null;
  /** What is wrong with the claim, of one of several slots, when it cannot be read: the slot cannot be had. */
  readonly blocked: Failure | null;
}

export interface HandedOver {
  readonly token: number;
  readonly mark: PulseMark;
  /** The inherited descriptor of the claim; null for a lease. */
  readonly descriptor: number | null;
}

/** A lock this process holds. */
export interface HeldLock {
  readonly slot: number;
  /** Strictly rising per lock, over all its slots: a resource can refuse a holder with a smaller one (fencing). */
  readonly token: number;
  readonly mark: PulseMark;
  readonly pulse: PulseKind;
  /** To be inherited by the processes that must keep the lock alive; null for a lease. */
  readonly descriptor: number | null;
  /** The claim just below this one: what came before it. Null when there is none. */
  below(): Promise<JudgedClaim | null>;
  /** Whether this is the lock that its holder was told of while it was the next in line. */
  isAsAhead(ahead: AheadOfTurn): boolean;
  /** Fires when the pulse broke. `verify` finds the rest. */
  readonly lost: AbortSignal;
  /** Publishes what the holder is doing; nothing more once the lock was handed on or given back. */
  update(info: unknown): void;
  /** Names the process that carries the lock on, and stops this process's part in it. */
  handTo(owner: ProcessIdentity): Promise<void>;
  /**
   * Looks whether the claim still stands: `held`; `restored` when it had vanished and could be published again under
   * the same number; `lost` when somebody else holds the lock, or may have.
   */
  verify(): Promise<"held" | "restored" | "lost">;
  /**
   * Makes the link that shows a session's lock, where it is missing or leads elsewhere. To be called by who holds the lock
   * for certain (`verify`); does nothing once it was handed on or given back.
   * @throws Failure `CANNOT_CREATE`, `IO`
   */
  show(): void;
  /** Gives the lock back, for every process that shares it. Does nothing once it was handed on. */
  release(info: unknown): Promise<void>;
}
