import { readFileSync } from "node:fs";
import { systemClock } from "../process/clock.ts";
import type { Agent } from "./agent.ts";

/** Long before a machine could hand out all its PIDs once around. */
const sureWithinMs = 1_000;

/**
 * Whether processes of an agent that has ended may still run. For a short command the answer is often a certain no,
 * without a look at every process: the kernel has given out no PID since the agent's own (`/proc/loadavg`, last field).
 */
export function mayHaveLeftovers(agent: Agent): boolean {
  if (systemClock.now() - agent.spawnedAtMs > sureWithinMs) return true;
  try {
    const newest = readFileSync("/proc/loadavg", "latin1").trim().split(" ").at(-1);
    return Number(newest) !== agent.pid;
  } catch {
    return true;
  }
}
