import { here, type ProcessIdentity } from "./identity.ts";
import { readTicksPerSecond, readUpSeconds } from "./proc-machine.ts";

/** A point in time as the start of a process that begins then, by the same clock: for `olderThan`. */
export type Moment = Pick<ProcessIdentity, "boot" | "started">;

/** @returns null when it cannot be told */
export function momentFromNow(ms: number): Moment | null {
  const { boot } = here();
  try {
    const started = process.platform === "linux" ? String(ticksFromNow(ms)) : textFromNow(ms);
    return { boot, started };
  } catch {
    return null;
  }
}

/** Counted since boot, as the start times in /proc/PID/stat are (proc(5), /proc/uptime): no step of the clock changes that. */
function ticksFromNow(ms: number): number {
  // Of one that may not be read this is no number, and nothing is older than that.
  return Math.max(0, Math.round((readUpSeconds() + ms / 1000) * readTicksPerSecond()));
}

/** In UTC, as the start times of `ps -o lstart` are read here. */
function textFromNow(ms: number): string {
  return new Date(Date.now() + ms).toISOString().replace("T", " ").replace("Z", "");
}
