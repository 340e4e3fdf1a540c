import { readFileSync } from "node:fs";
import { systemClock } from "../process/clock.ts";
import { livenessOf } from "../process/identity.ts";
import { readStat } from "../process/proc-stat.ts";
import type { Agent, AgentExit } from "./agent.ts";

const lookEveryMs = 1;
/** An agent that is still busy after this long runs. */
const longEnoughMs = 250;

/**
 * Waits until the agent really runs: until it waits for something itself (asleep in two looks in a row, as a server is
 * that listens), or has lived for a quarter of a second. A mistyped script is gone by then.
 * @returns its exit, when it ended first
 */
export async function settle(agent: Agent): Promise<AgentExit | null> {
  let exit: AgentExit | null = null;
  const exited = agent.exited.then((seen) => (exit = seen));
  let asleep = isAsleep(agent.pid) ? 1 : 0;
  while (asleep < 2) {
    const remaining = longEnoughMs - (systemClock.now() - agent.spawnedAtMs);
    if (remaining <= 0) return isGone(agent) ? agent.exited : exit;
    await Promise.race([exited, systemClock.sleep(Math.min(lookEveryMs, remaining))]);
    if (exit !== null) return exit;
    asleep = isAsleep(agent.pid) ? asleep + 1 : 0;
  }
  return exit;
}

/** Dead already, though the news is still on its way: that of one in tmux takes two more processes. */
function isGone({ identity }: Agent): boolean {
  return identity !== null && livenessOf(identity) === "dead";
}

/**
 * Asleep, together with the first of its children, theirs, and so on: a shell that waits for a program sleeps at once.
 * Where there is no `/proc` nothing is ever seen asleep.
 */
function isAsleep(pid: number): boolean {
  try {
    const stat = readStat(pid);
    if (typeof stat === "string" || stat.state !== "S") return false;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim();
    return children === "" || children.split(" ").every((child) => isAsleep(Number(child)));
  } catch {
    return false;
  }
}
