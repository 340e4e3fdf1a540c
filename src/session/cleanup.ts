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
import { endLeftTmux } from "./cleanup-tmux.ts";
import type { Context } from "./context.ts";
import { slotsOf } from "./slots.ts";

/**
 * Ends and removes what the scope covers, on one lock. Only processes proven to be ours are ever signalled. A step that
 * fails is in the list as such and does not stop the others.
 */
export async function cleanup(context: Context, scope: CleanupScope): Promise<CleanupAction[]> {
  const actions: CleanupAction[] = [];
  for (const step of stepsFor(scope)) actions.push(...(await step(context, scope)));
  if (scope.dryRun === true) return actions;
  for (const action of actions) {
    // A session that was forgotten has an event of its own, `removed`; to what is left alone nothing has happened.
    if (action.result === "named" || (action.what === "ended_session" && action.result === "removed")) continue;
    logAction(context, action);
  }
  return actions;
}

type Step = (context: Context, scope: CleanupScope) => Promise<readonly CleanupAction[]>;

function stepsFor(scope: CleanupScope): readonly Step[] {
  const steps: Step[] = [];
  const narrowed = scope.orphans === true || scope.idleMs !== undefined || scope.endedMs !== undefined;
  const isWhole = !narrowed && scope.match === undefined;
  if (isWhole) steps.push(atEachSlot(repairLock));
  // Waiters first: the end of the active session would be the turn of the next one.
  if (isWhole) steps.push(endWaiters);
  if (!narrowed || scope.idleMs !== undefined) steps.push(atEachSlot(endActive));
  if (!narrowed || scope.orphans === true) steps.push(atEachSlot(endOrphans));
  // Of a stray in tmux a copy of its history is kept, so it is not left to what ends any stray.
  if (!narrowed) steps.push(endLeftTmux);
  if (isWhole) steps.push(endStrays, endOutsiders);
  if (scope.endedMs !== undefined) steps.push(forgetEnded);
  return steps;
}

function atEachSlot(step: Step): Step {
  return async (context, scope) => {
    const actions: CleanupAction[] = [];
    for (const slot of slotsOf(context)) actions.push(...(await step(slot, scope)));
    return actions;
  };
}
