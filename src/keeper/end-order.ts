import type { Actor } from "../journal/event.ts";
import type { EndReason } from "../session/session-end.ts";
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
export function reasonOf(order: EndOrder | null, exit: AgentExit): EndReason {
  if (order !== null) return order.reason;
  return exit.signal === null ? "exited" : "signalled";
}
