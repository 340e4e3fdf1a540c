import { readdirSync, rmdirSync, statSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, failureFromErrno } from "../failure.ts";
import { isSameProcess, livenessOf, selfIdentity, whereaboutsOf, type Liveness } from "../process/identity.ts";
import { isDamage, readClaim, type ClaimRecord } from "./claim-record.ts";
import { isListedAsLocked } from "./listed-locks.ts";
import type { Heartbeat, Pulse, PulsedFile, PulsesByKind } from "./pulse.ts";

/** A claim file as a reader finds it, judged. */
export interface JudgedClaim {
  readonly number: number;
  readonly path: string;
  readonly record: ClaimRecord;
  readonly heartbeat: Heartbeat;
  /** Of the process that owns the claim; a claim may beat on in its children after it died. */
  readonly owner: Liveness;
  /** Released, or its pulse is dead. */
  readonly free: boolean;
}

/** The claim, if its owner lives and holds it. */
export function holderOf(last: JudgedClaim | null): JudgedClaim | null {
  return last === null || last.free ? null : last;
}

/** The names of temporary files: never published, linked under a number and then removed. */
const temporaryPrefix = ".new-";
/** Publishing takes milliseconds; whoever is slower, or asleep, has to start over. */
const abandonedAfterMs = 60_000;

/** Reads one lock's numbered files (`session.42`) in one directory, and judges them by their pulse. */
export class ClaimDirectory {
  readonly directory: string;
  readonly lock: string;
  readonly #pulses: PulsesByKind;

  constructor(directory: string, lock: string, pulses: PulsesByKind) {
    this.directory = directory;
    this.lock = lock;
    this.#pulses = pulses;
  }

  /** The numbers in use, in no order; none when the directory does not exist. @param names the files there are */
  numbers(names: readonly string[] = this.names()): number[] {
    return names
      .filter((name) => name.startsWith(`${this.lock}.`))
      .map((name) => name.slice(this.lock.length + 1))
      .filter((rest) => /^[1-9][0-9]{0,15}$/.test(rest))
      .map(Number)
      .filter(Number.isSafeInteger);
  }

  /** Whether there is such a file or not. */
  pathOf(number: number): string {
    return join(this.directory, `${this.lock}.${number}`);
  }

  /** A path for a file that is not published yet. */
  temporaryPath(): string {
    const random = Math.random().toString(36).slice(2, 12);
    return join(this.directory, `${temporaryPrefix}${this.lock}-${process.pid}-${random}`);
  }

  /**
   * @returns null when the file is gone
   * @throws Failure `DATA` when it cannot be read (see `isHeldThoughUnreadable`)
   */
  async judge(number: number): Promise<JudgedClaim | null> {
    const path = this.pathOf(number);
    for (;;) {
      const record = readClaim(path);
      if (record === null) return null;
      if (record.state === "released") return { number, path, record, heartbeat: "dead", owner: "dead", free: true };
      const heartbeat = await this.#pulse(record).probe(pulsed(path, record));
      const owner = ownerOf(record, heartbeat);
      // Handed over or released since it was read: then the death of the owner read there means something else.
      if ((heartbeat === "dead" || owner === "dead") && !isStillAs(record, readClaim(path))) continue;
      return { number, path, record, heartbeat, owner, free: heartbeat === "dead" };
    }
  }

  /** Null for a claim that is gone, or damaged, free of any kernel lock, and to be taken over all the same. */
  async judgeOrForgive(number: number, despiteDamage: boolean): Promise<JudgedClaim | null> {
    try {
      return await this.judge(number);
    } catch (error) {
      if (despiteDamage && isDamage(error) && !(await this.isHeldThoughUnreadable(number))) return null;
      throw error;
    }
  }

  /** The claim just below a number that can be read: one that is damaged hides nothing of those below it. */
  async judgeBelow(number: number): Promise<JudgedClaim | null> {
    const below = this.numbers().filter((other) => other < number);
    for (const other of below.toSorted((a, b) => b - a)) {
      const judged = await this.judgeOrForgive(other, true);
      if (judged !== null) return judged;
    }
    return null;
  }

  /** Resolves when the claim may have ended: released, dead or gone. The caller judges again. */
  async waitForEnd(claim: JudgedClaim, signal?: AbortSignal): Promise<void> {
    await this.#pulse(claim.record).waitForEnd(pulsed(claim.path, claim.record), signal);
  }

  /** A damaged claim says nothing of its owner, but a kernel lock on it still proves that one lives. */
  isHeldThoughUnreadable(number: number): Promise<boolean> {
    return this.#isLocked(this.pathOf(number));
  }

  /** @returns true for the one caller that really removed the file */
  remove(number: number): boolean {
    const lease = this.#leaseOf(number);
    const removed = unlinkIfThere(this.pathOf(number));
    if (lease !== null) removeLease(join(this.directory, lease));
    return removed;
  }

  /** Removes what contenders that died while publishing left behind: temporary files without a pulse. */
  async removeAbandoned(): Promise<void> {
    for (const name of this.names()) {
      if (!name.startsWith(`${temporaryPrefix}${this.lock}-`)) continue;
      const path = join(this.directory, name);
      if (ageMs(path) < abandonedAfterMs) continue;
      // A living contender whose file is taken from under it finds its link refused and starts over.
      if (!(await this.#isLocked(path))) unlinkIfThere(path);
    }
  }

  /** Whether there is a kernel lock on a file that does not say whose it is. Where that cannot be told there may be one. */
  async #isLocked(path: string): Promise<boolean> {
    const heartbeat = await this.#pulses.kernel.probe({ path, mark: { kind: "kernel" }, owner: selfIdentity() });
    // Without the native part nothing else would ever be repaired or swept.
    return heartbeat === "unknown" ? (isListedAsLocked(path) ?? true) : heartbeat === "beating";
  }

  #pulse(record: ClaimRecord): Pulse {
    return this.#pulses[record.pulse.kind];
  }

  #leaseOf(number: number): string | null {
    try {
      const record = readClaim(this.pathOf(number));
      return record?.pulse.kind === "lease" ? record.pulse.lease : null;
    } catch {
      return null;
    }
  }

  /** Every file there is, of other locks and slots too; none when the directory does not exist. */
  names(): string[] {
    try {
      return readdirSync(this.directory);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return [];
      throw failureFromErrno(error, "list the claims", this.directory);
    }
  }
}

/** What beats under another boot id is not from before a reboot of this machine: another one has the same name. */
function ownerOf({ owner }: ClaimRecord, heartbeat: Heartbeat): Liveness {
  const liveness = livenessOf(owner);
  return liveness === "dead" && heartbeat !== "dead" && whereaboutsOf(owner) === "other_machine" ? "unknown" : liveness;
}

function isStillAs(before: ClaimRecord, now: ClaimRecord | null): boolean {
  return now !== null && now.state === before.state && isSameProcess(now.owner, before.owner);
}

function pulsed(path: string, record: ClaimRecord): PulsedFile {
  return { path, mark: record.pulse, owner: record.owner };
}

/** How long ago a file was written; 0 when it is gone, or cannot be looked at. */
function ageMs(path: string): number {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}

/** @returns true for the one caller that really removed it */
export function unlinkIfThere(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw failureFromErrno(error, "remove a file", path);
    return false;
  }
}

function removeLease(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // Its owner removed it, or it is somebody's mistake; an old lease proves nothing for anyone.
  }
}
