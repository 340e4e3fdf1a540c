import { logAction, type CleanupAction, type CleanupScope } from "./cleanup-action.ts";
import {
  endActive,
  endOrphans,
  endOutsiders,
  endStrays,
  endWaiters,
  forgetEnded,
  repairLock,
} from "./cleanup-steps.ts";
import type { Context } from "./context.ts";

/**
 * Ends and removes what the scope covers, on one lock. Only processes proven to be ours are ever signalled. A step that
 * fails is in the list as such and does not stop the others.
 */
export async function cleanup(context: Context, scope: CleanupScope): Promise<CleanupAction[]> {
  const actions: CleanupAction[] = [];
  for (const step of stepsFor(scope)) actions.push(...(await step(context, scope)));
  if (scope.dryRun !== true) for (const action of actions) logAction(context, action);
  return actions;
}

type Step = (context: Context, scope: CleanupScope) => Promise<readonly CleanupAction[]>;

function stepsFor(scope: CleanupScope): readonly Step[] {
  const steps: Step[] = [];
  const narrowed = scope.orphans === true || scope.idleMs !== undefined || scope.endedMs !== undefined;
  const isWhole = !narrowed && scope.match === undefined;
  if (isWhole) steps.push(repairLock);
  // Waiters first: the end of the active session would be the turn of the next one.
  if (isWhole) steps.push(endWaiters);
  if (!narrowed || scope.idleMs !== undefined) steps.push(endActive);
  if (!narrowed || scope.orphans === true) steps.push(endOrphans);
  if (isWhole) steps.push(endStrays, endOutsiders);
  if (scope.endedMs !== undefined) steps.push(forgetEnded);
  return steps;
}
