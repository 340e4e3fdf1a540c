import type { JudgedClaim } from "../lock/claim-directory.ts";
import { signalProcess } from "../process/identity.ts";
import type { ProcessEntry } from "../process/table.ts";
import { lastSignOfLife } from "./activity.ts";
import { liveClients } from "./clients.ts";
import type { Context } from "./context.ts";
import { endProcesses, endProcessesOf } from "./end-orphan.ts";
import { findOutsideAgents } from "./outside-agents.ts";
import { activeSession, reconcile, withMaintenance } from "./reconcile.ts";
import { readRecord } from "./session-end.ts";
import { removeSessionDirectory, sessionFiles } from "./session-files.ts";
import { waiterOf, type SessionInfo } from "./session-info.ts";
import { stop } from "./stop.ts";
import { closeLost } from "./unsettled.ts";
import { sessionUids } from "./prune.ts";

/** What a clean-up may take; everything, when nothing is named. */
export interface CleanupScope {
  readonly orphans?: boolean;
  /** Sessions without a client and without activity for this long. */
  readonly idleMs?: number;
  /** Ended sessions older than this are forgotten. */
  readonly endedMs?: number;
  /** Only sessions whose id matches this glob. */
  readonly match?: string;
  readonly dryRun?: boolean;
}

/** One thing a clean-up did, or would do: what, why, and what became of it (R4.7). */
export interface CleanupAction {
  readonly what: "session" | "orphan" | "process" | "waiter" | "lock" | "ended_session";
  readonly name: string;
  readonly pid: number | null;
  readonly why: string;
  readonly result: "planned" | "ended" | "removed" | "failed";
  readonly detail: string | null;
}

/**
 * Ends and removes what the scope covers, on one lock. Only processes proven to be ours are ever signalled. A step that
 * fails is in the list as such and does not stop the others.
 */
export async function cleanup(context: Context, scope: CleanupScope): Promise<readonly CleanupAction[]> {
  const actions: CleanupAction[] = [];
  for (const step of stepsFor(scope)) actions.push(...(await step(context, scope)));
  if (scope.dryRun !== true) {
    for (const { what, name, why, result } of actions) {
      context.journal.append({
        event: "cleaned",
        lock: context.lock.name,
        by: context.by,
        what: `${what} ${name}`,
        why,
        result,
      });
    }
  }
  return actions;
}

type Step = (context: Context, scope: CleanupScope) => Promise<readonly CleanupAction[]>;

function stepsFor(scope: CleanupScope): readonly Step[] {
  const steps: Step[] = [];
  const narrowed = scope.orphans === true || scope.idleMs !== undefined || scope.endedMs !== undefined;
  if (!narrowed || scope.idleMs !== undefined) steps.push(endActive);
  if (!narrowed && scope.match === undefined) steps.push(endWaiters);
  if (!narrowed || scope.orphans === true) steps.push(endOrphans);
  if (!narrowed && scope.match === undefined) steps.push(endOutsiders);
  if (scope.endedMs !== undefined) steps.push(forgetEnded);
  return steps;
}

async function endActive(context: Context, scope: CleanupScope): Promise<readonly CleanupAction[]> {
  const active = activeSession(await context.lock.look());
  if (active === null || active.orphaned || !matches(scope, active.session)) return [];
  const { session } = active;
  const why = scope.idleMs === undefined ? "clean-up" : "idle without a client";
  if (scope.idleMs !== undefined && !isIdle(context, session, scope.idleMs)) return [];
  const action = { what: "session", name: session.id, pid: session.agent?.pid ?? null, why } as const;
  return [
    await attempt(scope, action, async () => {
      const stopped = await stop(context, { id: session.id, force: true, reason: why });
      return stopped.kind === "session" ? countOf(stopped.end.processes.length) : "";
    }),
  ];
}

function isIdle(context: Context, session: SessionInfo, idleMs: number): boolean {
  if (liveClients(context, session).length > 0) return false;
  return Date.now() - lastSignOfLife(context.home, session).getTime() >= idleMs;
}

async function endWaiters(context: Context, scope: CleanupScope): Promise<readonly CleanupAction[]> {
  const { waiters } = await context.lock.look();
  return Promise.all(waiters.map((ticket) => endWaiter(scope, ticket)));
}

async function endWaiter(scope: CleanupScope, ticket: JudgedClaim): Promise<CleanupAction> {
  const { pid } = ticket.record.owner;
  const action = {
    what: "waiter",
    name: waiterOf(ticket)?.id ?? `ticket ${ticket.number}`,
    pid,
    why: "clean-up",
  } as const;
  return attempt(scope, action, async () => {
    signalProcess(ticket.record.owner, "SIGTERM");
    return "left the line";
  });
}

async function endOrphans(context: Context, scope: CleanupScope): Promise<readonly CleanupAction[]> {
  const lost = await reconcile(context, await context.lock.look());
  const actions: CleanupAction[] = [];
  for (const { session, processes } of lost) {
    if (!matches(scope, session)) continue;
    const action = {
      what: "orphan",
      name: session.id,
      pid: processes[0]?.pid ?? null,
      why: "its keeper is dead",
    } as const;
    actions.push(await attempt(scope, action, () => endOrphan(context, session)));
  }
  return actions;
}

async function endOrphan(context: Context, session: SessionInfo): Promise<string> {
  const terminated = await endProcessesOf(context, session, "orphaned");
  await withMaintenance(context, async (held, unsettled) => {
    closeLost(context, held, session, terminated);
    return unsettled.filter((other) => other.session.uid !== session.uid && other.processes.length > 0);
  });
  return countOf(terminated.ended.length);
}

async function endOutsiders(context: Context, scope: CleanupScope): Promise<readonly CleanupAction[]> {
  const outside = await findOutsideAgents(context);
  const plan = (entry: ProcessEntry, result: CleanupAction["result"], detail: string | null): CleanupAction => ({
    what: "process",
    name: entry.command,
    pid: entry.pid,
    why: "outside any session",
    result,
    detail,
  });
  if (outside.length === 0) return [];
  if (scope.dryRun === true) return outside.map((entry) => plan(entry, "planned", null));
  const { signal, killAfterMs } = context.config.stop;
  const result = await endProcesses(context, () => findOutsideAgents(context), "outside any session", {
    signal,
    killAfterMs,
  });
  const survivors = new Set(result.survivors.map(({ pid }) => pid));
  return outside.map((entry) =>
    survivors.has(entry.pid) ? plan(entry, "failed", "it survived SIGKILL") : plan(entry, "ended", null),
  );
}

async function forgetEnded(context: Context, scope: CleanupScope): Promise<readonly CleanupAction[]> {
  const oldest = Date.now() - (scope.endedMs ?? 0);
  const actions: CleanupAction[] = [];
  for (const uid of sessionUids(context)) {
    const record = readRecord(context.home, uid);
    if (record === null || Date.parse(record.end.ended_at) > oldest || !matches(scope, record.session)) continue;
    const action = { what: "ended_session", name: record.session.id, pid: null, why: "ended long enough ago" } as const;
    actions.push(
      await attempt(scope, action, async () => {
        removeSessionDirectory(sessionFiles(context.home, uid));
        return uid;
      }),
    );
  }
  return actions;
}

function countOf(ended: number): string {
  return `${ended} ${ended === 1 ? "process" : "processes"} ended`;
}

async function attempt(
  scope: CleanupScope,
  action: Pick<CleanupAction, "what" | "name" | "pid" | "why">,
  run: () => Promise<string>,
): Promise<CleanupAction> {
  if (scope.dryRun === true) return { ...action, result: "planned", detail: null };
  try {
    const detail = await run();
    return { ...action, result: action.what === "ended_session" ? "removed" : "ended", detail };
  } catch (error) {
    return { ...action, result: "failed", detail: error instanceof Error ? error.message : String(error) };
  }
}

function matches(scope: CleanupScope, session: SessionInfo): boolean {
  if (scope.match === undefined) return true;
  const pattern = scope.match
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${pattern}$`).test(session.id);
}
