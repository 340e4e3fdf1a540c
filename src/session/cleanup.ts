import { Failure } from "../failure.ts";
import { isDamage } from "../lock/claim-record.ts";
import { logged, type CleanupAction, type CleanupScope } from "./cleanup-action.ts";
import {
  awaitRestoring,
  endActive,
  endOrphans,
  endOutsiders,
  endStrays,
  endWaiters,
  forgetEnded,
} from "./cleanup-steps.ts";
import { endLeftTmux } from "./cleanup-tmux.ts";
import type { Context } from "./context.ts";
import { forgetDamaged, repairLock } from "./repair.ts";
import { takeSteps, type Step } from "./take-steps.ts";

/**
 * Ends and removes what the scope covers, on these locks of one state directory. Only processes proven to be ours are ever
 * signalled. A step that fails is in the list as such and does not stop the others.
 * @param contexts one for each lock
 */
export async function cleanup(
  contexts: readonly [Context, ...Context[]],
  scope: CleanupScope,
): Promise<CleanupAction[]> {
  const isDryRun = scope.dryRun === true;
  const judge = (error: unknown) => {
    if (!(error instanceof Failure)) return "bug";
    // What a damaged claim hides shows when it has been repaired, which a dry run only plans.
    return isDryRun && isDamage(error) ? "nothing" : "failure";
  };
  const done: { readonly context: Context; readonly action: CleanupAction }[] = [];
  for await (const taken of takeSteps(contexts, stepsFor(scope), scope, { judge })) done.push(taken);
  return done.map(({ context, action }) => (!isDryRun && isLogged(action) ? logged(context, action) : action));
}

/** A session that was forgotten has an event of its own, `removed`; to what is left alone nothing has happened. */
function isLogged({ what, result }: CleanupAction): boolean {
  return result !== "named" && (what !== "ended_session" || result !== "removed");
}

/** In their order. Waiters first: the end of the active session would be the turn of the next one. */
function stepsFor({ orphans, idleMs, endedMs, damaged, match }: CleanupScope): readonly Step<CleanupScope>[] {
  const isNarrowed = orphans === true || damaged === true || idleMs !== undefined || endedMs !== undefined;
  const isWhole = !isNarrowed && match === undefined;
  const repairs = isWhole || damaged === true;
  const plan: readonly (readonly [isWanted: boolean, step: Step<CleanupScope>])[] = [
    [repairs, { does: "repair the lock", isOfSlot: true, run: repairLock }],
    [repairs, { does: "forget what is damaged", isOfDirectory: true, run: forgetDamaged }],
    [isWhole, { does: "wait for what was removed", run: awaitRestoring }],
    [!isNarrowed, { does: "end waiters", run: endWaiters }],
    [!isNarrowed || idleMs !== undefined, { does: "end the session", isOfSlot: true, run: endActive }],
    [!isNarrowed || orphans === true, { does: "end orphans", isOfSlot: true, run: endOrphans }],
    // Of a stray in tmux a copy of its history is kept, so it is not left to what ends any stray.
    [!isNarrowed, { does: "end what is left in tmux", run: endLeftTmux }],
    [isWhole, { does: "end strays", run: endStrays }],
    [isWhole, { does: "end agents outside any session", isOfDirectory: true, run: endOutsiders }],
    [endedMs !== undefined, { does: "forget ended sessions", run: forgetEnded }],
  ];
  return plan.flatMap(([isWanted, step]) => (isWanted ? [step] : []));
}
