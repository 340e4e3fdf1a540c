import { Failure } from "../failure.ts";
import { findOutside } from "../process/outside.ts";
import type { ProcessEntry, ProcessTable } from "../process/table.ts";
import { findTree } from "../process/tree.ts";
import { openContext, type Context } from "./context.ts";
import { findLiveOnSlots } from "./find-live.ts";
import { lockNames } from "./lock-names.ts";
import { outsideRunning } from "./refusals.ts";
import { rootsOf } from "./session-roots.ts";

interface OutsideOptions {
  /** False: fails when the sessions of a lock cannot be told of; else what may be of these counts as outside. */
  readonly despiteDamage: boolean;
}

/**
 * Agent processes that run outside any session of this state directory: this user's, below the project's root, with the
 * configured `match` (the configured command line when there is none). None when nothing is configured, at no cost.
 */
export async function findOutsideAgents(
  context: Context,
  { despiteDamage }: OutsideOptions = { despiteDamage: true },
): Promise<readonly ProcessEntry[]> {
  const looksLikeAgent = agentTest(context);
  if (looksLikeAgent === null) return [];
  const table = await context.processes();
  const query = { looksLikeAgent, root: context.home.root, uid: process.getuid?.() ?? 0, except: [] };
  const found = await findOutside(table, query);
  if (found.length === 0) return found;
  const inside = await insideSessions(context, table, despiteDamage);
  return found.filter(({ pid }) => !inside.has(pid));
}

/**
 * An agent that has cleared its environment has no cookie, and is its session's all the same: whichever lock that has, and
 * though its keeper is dead.
 */
async function insideSessions(
  given: Context,
  table: ProcessTable,
  despiteDamage: boolean,
): Promise<ReadonlySet<number>> {
  const { home, config, env, by } = given;
  const inside = new Set<number>();
  for (const lockName of lockNames(home)) {
    try {
      const isGiven = lockName === given.lock.name;
      const context = isGiven ? given : await openContext({ home, config, env, by, lockName, create: false });
      for (const { live } of await findLiveOnSlots(context)) {
        for (const { pid } of await findTree(table, rootsOf(live.session))) inside.add(pid);
      }
    } catch (error) {
      if (!despiteDamage || !(error instanceof Failure)) throw error;
    }
  }
  return inside;
}

/** @throws Failure `AGENTS_RUNNING` naming them, when there are any (R3.2) */
export async function refuseBesideOutsiders(context: Context): Promise<void> {
  const outside = await findOutsideAgents(context);
  if (outside.length > 0) throw outsideRunning(outside);
}

/** Tells what the command of an agent looks like; null: nothing is configured. */
export function agentTest({ config }: Context): ((command: string) => boolean) | null {
  const { match, command } = config.agent;
  if (match !== null) {
    const pattern = new RegExp(match);
    return (line) => pattern.test(line);
  }
  if (command === null) return null;
  const configured = command.join(" ");
  return (line) => line === configured;
}
