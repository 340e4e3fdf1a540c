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

function stepsFor(scope: CleanupScope): readonly Step<CleanupScope>[] {
  const steps: Step<CleanupScope>[] = [];
  const { orphans, idleMs, endedMs, damaged, match } = scope;
  const narrowed = orphans === true || damaged === true || idleMs !== undefined || endedMs !== undefined;
  const isWhole = !narrowed && match === undefined;
  if (isWhole || damaged === true) {
    steps.push(
      { does: "repair the lock", isOfSlot: true, run: repairLock },
      { does: "forget what is damaged", isOfDirectory: true, run: forgetDamaged },
    );
  }
  // Waiters first: the end of the active session would be the turn of the next one.
  if (isWhole) {
    steps.push({ does: "wait for what was removed", run: awaitRestoring }, { does: "end waiters", run: endWaiters });
  }
  if (!narrowed || idleMs !== undefined) steps.push({ does: "end the session", isOfSlot: true, run: endActive });
  if (!narrowed || orphans === true) steps.push({ does: "end orphans", isOfSlot: true, run: endOrphans });
  // Of a stray in tmux a copy of its history is kept, so it is not left to what ends any stray.
  if (!narrowed) steps.push({ does: "end what is left in tmux", run: endLeftTmux });
  if (isWhole) {
    steps.push(
      { does: "end strays", run: endStrays },
      { does: "end agents outside any session", isOfDirectory: true, run: endOutsiders },
    );
  }
  if (endedMs !== undefined) steps.push({ does: "forget ended sessions", run: forgetEnded });
  return steps;
}
