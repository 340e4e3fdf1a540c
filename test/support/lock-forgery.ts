import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatClaim, type ClaimRecord } from "../../src/lock/claim-record.ts";
import { selfIdentity, type ProcessIdentity } from "../../src/process/identity.ts";
import type { LockPlace } from "./lock-place.ts";

/** This process as it never was: the PID is somebody's, but of another start. */
export const deadOwner: ProcessIdentity = { ...selfIdentity(), started: "1" };

/** On another machine, about whose processes nothing can be known here. */
export const distantOwner: ProcessIdentity = { ...selfIdentity(), host: "elsewhere", boot: "another-boot" };

export function claimRecord(place: LockPlace, change: Partial<ClaimRecord> = {}): ClaimRecord {
  return {
    schema_version: 1,
    lock: place.name,
    token: 1,
    state: "held",
    purpose: "session",
    slots: 1,
    pulse:
      place.pulse === "kernel"
        ? { kind: "kernel" }
        : { kind: "lease", lease: ".lease-forged", stale_ms: place.staleMs },
    owner: deadOwner,
    since: "2025-06-29T10:34:03.000Z",
    info: null,
    ...change,
  };
}

/** Writes a claim file as no living contender has; its directory must exist. @returns its path */
export function forgeClaim(place: LockPlace, change: Partial<ClaimRecord> = {}): string {
  const record = claimRecord(place, change);
  const path = join(place.claims, `${place.name}.${record.token}`);
  writeFileSync(path, formatClaim(record), { mode: 0o600 });
  return path;
}

/** The lease that belongs to a forged claim, as it was when it beat for the last time. */
export function forgeLease(place: LockPlace, beatAgoMs: number): void {
  const path = join(place.claims, ".lease-forged");
  mkdirSync(path, { recursive: true });
  setAge(path, beatAgoMs);
}

export function setAge(path: string, agoMs: number): void {
  const at = new Date(Date.now() - agoMs);
  utimesSync(path, at, at);
}
