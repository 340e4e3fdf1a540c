import { readlinkSync } from "node:fs";
import { errnoOf } from "../failure.ts";
import { lookByPs, type Look } from "./look-by-ps.ts";
import { isZombie, readStat } from "./proc-stat.ts";

let procfsIsOurs: boolean | undefined;

/** What there is under this PID now, for this process to see and to signal. */
export function lookAtProcess(pid: number): Look {
  if (!Number.isSafeInteger(pid) || pid < 1) return "none";
  if (process.platform !== "linux") return lookByPs(pid);
  if (!isProcfsOurs()) return "hidden";
  const stat = readStat(pid);
  // `hidepid=2` makes processes of other users look as if they did not exist; kill(2) knows better.
  if (stat === "gone") return canBeSignalled(pid) ? "hidden" : "none";
  if (stat === "hidden") return "hidden";
  return { started: stat.started, zombie: isZombie(stat) };
}

/**
 * Whether /proc is there and numbers processes as this process must when it signals them. In a new PID namespace
 * without a new /proc (`unshare --pid --fork`, some sandboxes) it does not: then nothing is looked up there, rather
 * than the wrong process. Cached.
 */
export function isProcfsOurs(): boolean {
  procfsIsOurs ??= process.platform === "linux" && procSelf() === String(process.pid);
  return procfsIsOurs;
}

function procSelf(): string | null {
  try {
    return readlinkSync("/proc/self");
  } catch {
    return null;
  }
}

function canBeSignalled(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errnoOf(error) === "EPERM";
  }
}
