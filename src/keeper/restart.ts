import { Failure } from "../failure.ts";
import { systemClock } from "../process/clock.ts";
import type { Agent, AgentExit } from "./agent.ts";
import type { RestartPlan } from "./restart-plan.ts";
import type { SessionKeeper } from "./session-keeper.ts";

/**
 * Starts the agent of a session again, as its plan says: after what the last one left has been ended, and after a delay
 * that an order to end cuts short. A launcher that fails is tried again as an agent that fails.
 * @param launch starts the agent once more
 * @returns null when it stays ended
 */
export async function restartAgent(
  keeper: SessionKeeper,
  plan: RestartPlan,
  { agent, exit }: { readonly agent: Agent; readonly exit: AgentExit },
  launch: () => Promise<Agent>,
): Promise<Agent | null> {
  let delayMs = plan.next(exit, systemClock.now() - agent.spawnedAtMs);
  while (delayMs !== null) {
    await keeper.endLeftovers();
    keeper.published.restarting(plan.count, new Date(Date.now() + delayMs));
    await systemClock.sleep(delayMs, keeper.ending);
    // The state directory, and the lock with it, may have been lost just now.
    await keeper.rounds.look();
    if (keeper.ending.aborted) return null;
    try {
      const next = await launch();
      keeper.published.restarted(next, exit);
      return next;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (keeper.ending.aborted) return null;
      // Its program is gone, or its directory: nothing that waiting would mend.
      delayMs = error.code === "START_FAILED" ? plan.next({ code: 1, signal: null }, 0) : null;
      if (delayMs === null) keeper.giveUp(error);
      else keeper.noteFailed(error);
    }
  }
  return null;
}
