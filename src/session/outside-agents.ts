import { findOutside } from "../process/outside.ts";
import type { ProcessEntry } from "../process/table.ts";
import type { Context } from "./context.ts";
import { agentsRunning } from "./refusals.ts";

/**
 * Agent processes that run outside any session: this user's, below the project's root, with the configured `match`
 * (the configured command line when there is none). None when nothing is configured, at no cost.
 */
export async function findOutsideAgents(context: Context): Promise<readonly ProcessEntry[]> {
  const match = agentPattern(context);
  if (match === null) return [];
  return findOutside(await context.processes(), {
    match,
    root: context.home.root,
    uid: process.getuid?.() ?? 0,
    except: [],
  });
}

/** @throws Failure `AGENTS_RUNNING` naming them, when there are any (R3.2) */
export async function refuseBesideOutsiders(context: Context): Promise<void> {
  const outside = await findOutsideAgents(context);
  if (outside.length > 0) throw agentsRunning(outside, null);
}

function agentPattern(context: Context): RegExp | null {
  const { match, command } = context.config.agent;
  if (match !== null) return new RegExp(match);
  return command === null ? null : new RegExp(`^${escapePattern(command.join(" "))}$`);
}

function escapePattern(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
