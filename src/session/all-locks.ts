import type { Failure } from "../failure.ts";
import type { Context } from "./context.ts";
import { status, type Status } from "./status.ts";
import { Trouble } from "./trouble.ts";

export interface AllLocks {
  /** At least one. */
  readonly locks: readonly Status[];
  /** Why others cannot be told of. */
  readonly trouble: readonly Failure[];
  /** What hid a lock, or a slot of one; null when nothing did. */
  readonly hidden: Failure | null;
}

/**
 * Every lock of a state directory, as `status` tells of each. What is the directory's, and no lock's, is told with the
 * first of them. A lock that cannot be read hides no other.
 * @param contexts one for each lock
 * @throws Failure `DATA`, `NOT_PERMITTED` when nothing can be told of any
 */
export async function statusOfAllLocks(contexts: readonly [Context, ...Context[]]): Promise<AllLocks> {
  const trouble = new Trouble();
  const locks: Status[] = [];
  for (const context of contexts) {
    const told = await trouble.spare(() => status(context, { ofDirectory: locks.length === 0 }));
    if (told !== null) locks.push(told);
  }
  if (locks.length === 0 && trouble.hidden !== null) throw trouble.hidden;
  const hidden = [trouble.hidden, ...locks.map((each) => each.hidden)].find((failure) => failure !== null);
  return { locks, trouble: trouble.found, hidden: hidden ?? null };
}
