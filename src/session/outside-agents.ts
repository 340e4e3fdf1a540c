import { findOutside } from "../process/outside.ts";
import type { ProcessEntry, ProcessTable } from "../process/table.ts";
import { findTree } from "../process/tree.ts";
import type { Context } from "./context.ts";
import { activeSession } from "./reconcile.ts";
import { agentsRunning } from "./refusals.ts";
import { slotsOf } from "./slots.ts";
import { rootsOf } from "./session-roots.ts";

/**
 * Agent processes that run outside any session: this user's, below the project's root, with the configured `match`
 * (the configured command line when there is none). None when nothing is configured, at no cost.
 */
export async function findOutsideAgents(context: Context): Promise<readonly ProcessEntry[]> {
  const match = agentPattern(context);
  if (match === null) return [];
  const table = await context.processes();
  const query = { match, root: context.home.root, uid: process.getuid?.() ?? 0, except: [] };
  const found = await findOutside(table, query);
  if (found.length === 0) return found;
  const inside = await insideSessions(context, table);
  return found.filter(({ pid }) => !inside.has(pid));
}

/** An agent that has cleared its environment has no cookie, and is its session's all the same. */
async function insideSessions(context: Context, table: ProcessTable): Promise<ReadonlySet<number>> {
  const inside = new Set<number>();
  for (const slot of slotsOf(context)) {
    const session = activeSession(await slot.lock.look())?.session ?? null;
    if (session === null) continue;
    for (const { pid } of await findTree(table, rootsOf(session))) inside.add(pid);
  }
  return inside;
}

/** @throws Failure `AGENTS_RUNNING` naming them, when there are any (R3.2) */
export async function refuseBesideOutsiders(context: Context): Promise<void> {
  const outside = await findOutsideAgents(context);
  if (outside.length > 0) throw agentsRunning(outside, null);
}

/** What the command of an agent looks like; null: nothing is configured. */
export function agentPattern(context: Context): RegExp | null {
  const { match, command } = context.config.agent;
  if (match !== null) return new RegExp(match);
  return command === null ? null : new RegExp(`^${escapePattern(command.join(" "))}$`);
}

function escapePattern(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
