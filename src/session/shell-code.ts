import { constants } from "node:os";
import type { EndReason, SessionEnd } from "./session-end.ts";
import type { SessionInfo } from "./session-info.ts";

const signalNumbers: Readonly<Record<string, number>> = constants.signals;

/** How a shell reports an exit: the code itself, or 128+N for signal N. */
export function shellCode(code: number | null, signal: string | null): number {
  return signal === null ? (code ?? 1) : 128 + (signalNumbers[signal] ?? 0);
}

/** Ends that the keeper saw, however it learned of them. */
const seenEnds: ReadonlySet<EndReason> = new Set(["exited", "stopped", "max_time", "idle_timeout"]);

/**
 * The exit code of a session that has ended: 1 when it never came to run, whatever its agent ended with. How the agent of a
 * launcher ended nobody knows, being no child of ours; it counts as 0, as with systemd, unless something went wrong with its
 * end. Of others it is known, or something did.
 */
export function codeOfEnd(end: SessionEnd, session: Pick<SessionInfo, "launcher"> | null): number {
  const { exit_code: code, signal, reason, survivors } = end;
  if (reason === "start_failed") return 1;
  const isWell = seenEnds.has(reason) && survivors.length === 0;
  if (code === null && signal === null && isWell && session?.launcher != null) return 0;
  return shellCode(code, signal);
}
