import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ClaimLock } from "../../src/lock/claim-lock.ts";
import { claimLockPaths } from "../../src/lock/claim-lock-paths.ts";
import type { PulseKind } from "../../src/lock/pulse.ts";
import { openPulses, type Pulses } from "../../src/lock/pulses.ts";

/** So long that no test can pass because something went stale. */
const neverStaleMs = 3_600_000;

/** Where one lock lives, laid out as a state directory. */
export interface LockPlace {
  readonly state: string;
  readonly claims: string;
  readonly queue: string;
  readonly link: string;
  readonly name: string;
  readonly pulse: PulseKind;
  readonly staleMs: number;
  /** How many may hold it at once, as who contends here sees it. */
  readonly slots: number;
}

export function lockPlace(
  state: string,
  pulse: PulseKind,
  { name = "session", staleMs = neverStaleMs, slots = 1 }: { name?: string; staleMs?: number; slots?: number } = {},
): LockPlace {
  const paths = { state, claims: join(state, "claims"), queue: join(state, "queue") };
  return { ...paths, link: claimLockPaths(paths, name).link, name, pulse, staleMs, slots };
}

/** @param pulses in place of the ones that would be opened */
export function openLock(place: LockPlace, pulses?: Pulses): ClaimLock {
  const ensureDirectories = (): void => {
    for (const directory of [place.claims, place.queue]) mkdirSync(directory, { recursive: true });
  };
  ensureDirectories();
  const { state, name, pulse, staleMs } = place;
  return new ClaimLock({
    name,
    paths: claimLockPaths(place, name),
    pulses: pulses ?? openPulses(state, pulse, staleMs),
    ensureDirectories,
    waiterGone: () => undefined,
  });
}
