import { Failure } from "../failure.ts";
import { isDamage } from "../lock/claim-record.ts";
import { isSameFailure, logged, onOneLine, type CleanupAction, type CleanupScope } from "./cleanup-action.ts";
import { endActive, endOrphans, endOutsiders, endStrays, endWaiters, forgetEnded } from "./cleanup-steps.ts";
import { endLeftTmux } from "./cleanup-tmux.ts";
import type { Context } from "./context.ts";
import { forgetDamaged, repairLock } from "./repair.ts";
import { slotsOf } from "./slots.ts";

/**
 * Ends and removes what the scope covers, on these locks of one state directory. Only processes proven to be ours are ever
 * signalled. A step that fails is in the list as such and does not stop the others.
 * @param contexts one for each lock
 */
export async function cleanup(
  contexts: readonly [Context, ...Context[]],
  scope: CleanupScope,
): Promise<CleanupAction[]> {
  const done: { readonly context: Context; readonly action: CleanupAction }[] = [];
  for (const { step, context, slot } of stepsAt(contexts, scope)) {
    for (const action of await whatBecameOf(step, slot, scope)) {
      // One cause, such as a claim of a newer version, may fail every step.
      const isKnown = done.some((other) => other.context === context && isSameFailure(other.action, action));
      if (!isKnown) done.push({ context, action });
    }
  }
  return done.map(({ context, action }) =>
    scope.dryRun !== true && isLogged(action) ? logged(context, action) : action,
  );
}

/** A session that was forgotten has an event of its own, `removed`; to what is left alone nothing has happened. */
function isLogged({ what, result }: CleanupAction): boolean {
  return result !== "named" && (what !== "ended_session" || result !== "removed");
}

interface Step {
  /** In the infinitive, for when it fails. */
  readonly does: string;
  /** Whether it is about who holds the lock: to be done at each of its slots. */
  readonly isOfSlot?: true;
  /** Whether it is about no lock, but about all that is here: to be done once. */
  readonly isOfDirectory?: true;
  readonly run: (context: Context, scope: CleanupScope) => Promise<readonly CleanupAction[]>;
}

async function whatBecameOf(step: Step, context: Context, scope: CleanupScope): Promise<readonly CleanupAction[]> {
  try {
    return await step.run(context, scope);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    // What a damaged claim hides shows when it has been repaired, which is only planned.
    return scope.dryRun === true && isDamage(error) ? [] : [failed(step, context, error)];
  }
}

function failed({ does }: Step, { lock: { name } }: Context, error: Failure): CleanupAction {
  return { what: "lock", name, pid: null, why: `could not ${does}`, result: "failed", detail: onOneLine(error) };
}

/** Each step, and where it is to be taken: at which slot of which lock. */
function* stepsAt(contexts: readonly [Context, ...Context[]], scope: CleanupScope) {
  const [first] = contexts;
  for (const step of stepsFor(scope)) {
    for (const context of step.isOfDirectory === true ? [first] : contexts) {
      // A slot that cannot be read is no reason to leave the others as they are.
      for (const slot of step.isOfSlot === true ? slotsOf(context) : [context]) yield { step, context, slot };
    }
  }
}

function stepsFor(scope: CleanupScope): readonly Step[] {
  const steps: Step[] = [];
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
  if (isWhole) steps.push({ does: "end waiters", run: endWaiters });
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
