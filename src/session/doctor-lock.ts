import { mkdtempSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { Failure, failureFromErrno } from "../failure.ts";
import type { Config } from "../home/config.ts";
import { homeAt } from "../home/locate.ts";
import { ensureState } from "../home/state-directory.ts";
import { ClaimLock } from "../lock/claim-lock.ts";
import { claimLockPaths } from "../lock/claim-lock-paths.ts";
import { openPulses } from "../lock/pulses.ts";
import { systemClock } from "../process/clock.ts";

/**
 * Takes a lock and gives it back, in a directory of its own that is gone afterwards: on the same file system as the
 * locks of the project, and seen by none of their holders.
 * @param prefix of that directory's path
 * @returns how long that took, in milliseconds
 * @throws Failure as whoever takes a lock here would meet it; `UNAVAILABLE` when it is not seen as what it is
 */
export async function tryLock(prefix: string, pulse: Config["pulse"]): Promise<number> {
  const directory = makeDirectory(prefix);
  try {
    const home = homeAt(directory, directory);
    const ensureDirectories = () => ensureState(home);
    ensureDirectories();
    const paths = claimLockPaths(home, "doctor");
    const pulses = openPulses(directory, pulse);
    const lock = new ClaimLock({ name: "doctor", paths, pulses, ensureDirectories, waiterGone: () => undefined });
    const begun = systemClock.now();
    const { held } = await lock.acquire({ purpose: "session", info: null });
    const seen = await lock.look();
    await held?.release(null);
    const after = await lock.look();
    if (held === null || seen.holder?.number !== held.token) throw unlike("is not held although it was taken");
    if (after.holder !== null) throw unlike("is held although it was given back");
    return systemClock.now() - begun;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }

  function unlike(what: string): Failure {
    return new Failure("UNAVAILABLE", `A lock ${what}\n${directory}`, { facts: { path: directory } });
  }
}

function makeDirectory(prefix: string): string {
  try {
    return mkdtempSync(prefix);
  } catch (error) {
    throw failureFromErrno(error, "make a directory to try a lock in", dirname(prefix));
  }
}
