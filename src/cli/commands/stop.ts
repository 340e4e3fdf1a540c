import { parseDuration } from "../../home/duration.ts";
import { parseSignal } from "../../home/signals.ts";
import { longestGraceMs } from "../../session/session-info.ts";
import { findActiveById } from "../../session/slots.ts";
import { stop, type Stopped } from "../../session/stop.ts";
import { openCliContext, parseId, type Cli, type Exit } from "../cli.ts";
import { durationText } from "../present/quantities.ts";
import { sayIfSlow } from "../say-if-slow.ts";

export interface StopOptions {
  readonly killAfter?: string;
  readonly signal?: string;
  readonly reason?: string;
  readonly force?: boolean;
}

/**
 * Exits with 0 when the session has ended, however its agent did, or when the waiter has left the line; with 1 when a
 * process of it lives on.
 * @throws Failure as `stop`; `USAGE`
 */
export async function stopCommand(cli: Cli, options: StopOptions, id: string | undefined): Exit {
  const request = {
    id: parseId(id),
    force: options.force === true,
    ...(options.reason === undefined ? {} : { reason: options.reason }),
    ...(options.signal === undefined ? {} : { signal: parseSignal(options.signal) }),
    ...(options.killAfter === undefined ? {} : { killAfterMs: parseDuration(options.killAfter, "--kill-after") }),
  };
  const context = await openCliContext(cli, { access: "read", despiteConfig: "said" });
  const stopping = stop(context, request);
  const stopped = await sayIfSlow(cli, stopping, async () => {
    const session = await findActiveById(context, request.id);
    return session && `waiting for ${session.id} to end: ${graceText(longestGraceMs(session, request.killAfterMs))}`;
  });
  (await cli.show()).stopped(stopped);
  return livesOn(stopped) ? 1 : 0;
}

/** Whether something of it is known to live. What only a claim says to be the session's is no such thing. */
function livesOn(stopped: Stopped): boolean {
  return stopped.kind === "session" && stopped.end.survivors.some(({ why }) => why !== "not_proven");
}

function graceText(graceMs: number): string {
  return graceMs === 0 ? "it is being killed" : `it is given ${durationText(graceMs / 1000)}, and then killed`;
}
