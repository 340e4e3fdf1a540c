import { systemClock } from "../process/clock.ts";
import { livenessOf, type ProcessIdentity } from "../process/identity.ts";
import type { AgentExit } from "./agent.ts";

/** Node has no way to await the end of a process that is not its child (no pidfd, no kqueue), so it looks again. */
const lookEveryMs = 100;

/**
 * Resolves when a process that is no child of this one is gone. How it ended only its parent learns, so code and signal
 * are unknown.
 */
export async function exitOfStranger(identity: ProcessIdentity): Promise<AgentExit> {
  while (livenessOf(identity) !== "dead") await systemClock.sleep(lookEveryMs);
  return { code: null, signal: null, at: new Date() };
}
