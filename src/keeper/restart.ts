import { Failure } from "../failure.ts";
import { systemClock } from "../process/clock.ts";
import type { Agent, AgentExit } from "./agent.ts";
import type { RestartPlan } from "./restart-plan.ts";
import type { SessionKeeper } from "./session-keeper.ts";

/**
 * Starts the agent of a session again, as its plan says: after what the last one left has been ended, and after a delay
 * that an order to end cuts short.
 * @param launch starts the agent once more
 * @returns null when it stays ended
 */
export async function restartAgent(
  keeper: SessionKeeper,
  plan: RestartPlan,
  { agent, exit }: { readonly agent: Agent; readonly exit: AgentExit },
  launch: () => Promise<Agent>,
): Promise<Agent | null> {
  const delayMs = plan.next(exit, systemClock.now() - agent.spawnedAtMs);
  if (delayMs === null) return null;
  await keeper.endLeftovers();
  keeper.published.restarting(plan.count, new Date(Date.now() + delayMs));
  await systemClock.sleep(delayMs, keeper.ending);
  if (keeper.ending.aborted) return null;
  try {
    const next = await launch();
    keeper.published.restarted(next, exit);
    return next;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    // Its program is gone, or its directory: nothing that waiting would mend.
    keeper.giveUp(error);
    return null;
  }
}
