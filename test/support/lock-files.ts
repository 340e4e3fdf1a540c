import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { LockPlace } from "./lock-place.ts";

/**
 * The numbers of the claim files there are, or of the tickets, ascending.
 * @param only true to be told of any other file too, as NaN
 */
export function claimNumbers(
  place: LockPlace,
  { in: directory = place.claims, only = false }: { in?: string; only?: boolean } = {},
): number[] {
  const prefix = `${place.name}.`;
  return readdirSync(directory)
    .filter((name) => only || name.startsWith(prefix))
    .map((name) => (name.startsWith(prefix) ? Number(name.slice(prefix.length)) : Number.NaN))
    .toSorted((a, b) => a - b);
}

export function claimPath(place: LockPlace, number: number): string {
  return join(place.claims, `${place.name}.${number}`);
}

export function inodeOfClaim(place: LockPlace, number: number): number | undefined {
  return inodeOf(claimPath(place, number));
}

/** Undefined when there is no such file. */
export function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

/** The leases of all claims, and of those who are about to publish one. */
export function leasesOf(place: LockPlace): string[] {
  return readdirSync(place.claims)
    .filter((name) => name.startsWith(".lease-"))
    .map((name) => join(place.claims, name));
}

/** Whether the kernel has somebody wait for a lock on one of these files (proc_locks(5)); only Linux tells. */
export function isWaitedFor(paths: readonly string[]): boolean {
  const waits = readFileSync("/proc/locks", "utf8")
    .split("\n")
    .filter((line) => line.includes("->"));
  return paths.some((path) => waits.some((line) => line.includes(`:${inodeOf(path)} `)));
}
