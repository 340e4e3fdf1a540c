import type { Actor } from "../journal/event.ts";
import type { Home } from "../home/locate.ts";
import type { TerminateResult } from "../process/terminate.ts";
import { lastSignOfLife } from "../session/activity.ts";
import { secondsBetween, type EndReason, type SessionEnd } from "../session/session-end.ts";
import type { SessionInfo } from "../session/session-info.ts";
import type { StopRequest } from "../session/stop-request.ts";
import type { AgentExit } from "./agent.ts";

/** Why and how a session is to be ended. */
export interface EndOrder {
  readonly reason: Exclude<EndReason, "exited" | "signalled" | "lost">;
  readonly signal?: NodeJS.Signals;
  readonly killAfterMs?: number;
  readonly by?: Actor;
  readonly stopReason?: string;
}

/** What a request to stop orders; null: to end as configured. */
export function orderOf(request: StopRequest | null): EndOrder {
  return {
    reason: "stopped",
    ...(request?.signal == null ? {} : { signal: request.signal }),
    ...(request?.kill_after_ms == null ? {} : { killAfterMs: request.kill_after_ms }),
    ...(request === null ? {} : { by: request.by }),
    ...(request?.reason == null ? {} : { stopReason: request.reason }),
  };
}

/** Why a session ends: as ordered, else as its agent did. */
export function reasonOf(order: Pick<EndOrder, "reason"> | null, exit: AgentExit | null): EndReason {
  if (order !== null) return order.reason;
  return exit === null || exit.signal === null ? "exited" : "signalled";
}

interface Ending {
  readonly reason: EndReason;
  readonly order: EndOrder | null;
  readonly exit: AgentExit | null;
  readonly terminated: TerminateResult;
}

/** How a session ends, now. */
export function endOf(home: Home, session: SessionInfo, { reason, order, exit, terminated }: Ending): SessionEnd {
  const endedAt = new Date();
  return {
    ended_at: endedAt.toISOString(),
    duration_seconds: secondsBetween(session.created_at, endedAt),
    reason,
    exit_code: exit?.code ?? null,
    signal: exit?.signal ?? null,
    last_activity: lastSignOfLife(home, session).toISOString(),
    ended_by: order?.by ?? null,
    stop_reason: order?.stopReason ?? null,
    processes: [...terminated.ended],
    survivors: [...terminated.survivors],
  };
}
