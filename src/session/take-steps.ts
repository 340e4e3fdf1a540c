import { isSameFailure, onOneLine, type CleanupAction } from "./cleanup-action.ts";
import type { Context } from "./context.ts";
import { slotsOf } from "./slots.ts";

/** One kind of thing that is done when a clean-up, or a sweep, goes over what is here. */
export interface Step<Options> {
  /** In the infinitive, for when it fails. */
  readonly does: string;
  /** Whether it is about who holds the lock: to be done at each of its slots. */
  readonly isOfSlot?: true;
  /** Whether it is about no lock, but about all that is here: to be done once. */
  readonly isOfDirectory?: true;
  readonly run: (context: Context, options: Options) => Promise<readonly CleanupAction[]>;
}

export interface Taken<S> {
  readonly step: S;
  readonly context: Context;
  readonly action: CleanupAction;
}

interface Terms {
  /** What an error of a step is: told as its failure, left out, or thrown. */
  readonly judge: (error: unknown) => "failure" | "nothing" | "bug";
  /** Aborted: the step that is being taken is finished, and no other begun. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes steps in their order, each on every one of these locks of one state directory, and tells what became of each thing. A
 * step that fails is told as such and does not stop the others (R2.4).
 */
export async function* takeSteps<Options, S extends Step<Options>>(
  contexts: readonly [Context, ...Context[]],
  steps: readonly S[],
  options: Options,
  { judge, signal }: Terms,
): AsyncGenerator<Taken<S>> {
  const failures: Taken<S>[] = [];
  for (const { step, context, slot } of placesOf(contexts, steps)) {
    if (signal?.aborted === true) return;
    for (const action of await whatBecameOf(step, slot, options, judge)) {
      // One cause, such as a claim of a newer version, may fail every step.
      if (failures.some((other) => other.context === context && isSameFailure(other.action, action))) continue;
      const taken = { step, context, action };
      if (action.result === "failed") failures.push(taken);
      yield taken;
    }
  }
}

/** Each step, and where it is to be taken: at which slot of which lock. */
function* placesOf<S extends Step<never>>(contexts: readonly [Context, ...Context[]], steps: readonly S[]) {
  const [first] = contexts;
  for (const step of steps) {
    for (const context of step.isOfDirectory === true ? [first] : contexts) {
      // A slot that cannot be read is no reason to leave the others as they are.
      for (const slot of step.isOfSlot === true ? slotsOf(context) : [context]) yield { step, context, slot };
    }
  }
}

async function whatBecameOf<Options>(
  { does, run }: Step<Options>,
  context: Context,
  options: Options,
  judge: Terms["judge"],
): Promise<readonly CleanupAction[]> {
  try {
    return await run(context, options);
  } catch (error) {
    const what = judge(error);
    if (what === "bug") throw error;
    if (what === "nothing") return [];
    const { name } = context.lock;
    return [{ what: "lock", name, pid: null, why: `could not ${does}`, result: "failed", detail: onOneLine(error) }];
  }
}
