import { Failure } from "../failure.ts";
import type { JudgedClaim } from "../lock/claim-directory.ts";
import { ceases } from "../process/clock.ts";
import { livenessOf, whereaboutsOf, whereText } from "../process/identity.ts";
import type { Context } from "./context.ts";
import type { EndingOptions } from "./end-lost.ts";
import { hasRecord } from "./session-end.ts";
import { waiterOf } from "./session-info.ts";
import { signalOwner } from "./signal-owner.ts";
import { findActive } from "./slots.ts";

const lookEveryMs = 10;
/** A process that was killed, or has left the line and has nothing else to do, is gone by then. */
const goneWithinMs = 5_000;
/** The kernel takes a process apart in less, from what it has open to its PID. */
const dyingMs = 1_000;

/** What takes a waiter out of the line. Another signal is meant for an agent, and may do anything to a holdfast. */
const leavingSignals: ReadonlySet<NodeJS.Signals> = new Set(["SIGTERM", "SIGINT", "SIGHUP", "SIGKILL"]);

/**
 * Ends the process that waits with this ticket, as long as it waits: by SIGTERM, unless the signal is another one that takes
 * it out of the line, and by SIGKILL when it stands there still after `killAfterMs` (absent: as configured). A keeper whose
 * turn comes meanwhile has a session to end, in its own time: killed, it would leave that behind.
 * @returns true: it has left the line, and its turn cannot come any more; false: its turn has come
 * @throws Failure `NOT_PERMITTED` when it may not be signalled, or waits where it cannot be reached from here
 */
export async function endWaiter(
  context: Context,
  ticket: JudgedClaim,
  {
    signal = "SIGTERM",
    killAfterMs = context.config.stop.killAfterMs,
  }: Pick<EndingOptions, "signal" | "killAfterMs"> = {},
): Promise<boolean> {
  const { owner } = ticket.record;
  const stands = async () => (await context.lock.line()).waiters.some(({ number }) => number === ticket.number);
  const asks = leavingSignals.has(signal) ? signal : "SIGTERM";
  const result = (await stands()) ? await signalOwner(context, ticket, asks) : "gone";
  if (result === "signalled") {
    // One that is stopped takes it when it goes on.
    await signalOwner(context, ticket, "SIGCONT");
    if (!(await ceases(stands, killAfterMs, lookEveryMs))) {
      await signalOwner(context, ticket, "SIGKILL");
      await ceases(stands, goneWithinMs, lookEveryMs);
    }
  } else if (whereaboutsOf(owner) === "here") {
    // One that is just being killed shows nothing any more.
    await ceases(stands, dyingMs, lookEveryMs);
  }
  if (await stands()) throw outOfReach(ticket);
  if (await hasItsTurn(context, ticket)) return false;
  await ceases(async () => livenessOf(owner) === "alive", goneWithinMs, lookEveryMs);
  return true;
}

async function hasItsTurn(context: Context, ticket: JudgedClaim): Promise<boolean> {
  const uid = waiterOf(ticket)?.uid;
  if (uid === undefined) return false;
  return hasRecord(context.home, uid) || (await findActive(context, ({ session }) => session.uid === uid)) !== null;
}

function outOfReach(ticket: JudgedClaim): Failure {
  const { owner } = ticket.record;
  const id = waiterOf(ticket)?.id ?? "The waiter";
  const where = whereaboutsOf(owner);
  const why =
    where === "here"
      ? `PID ${owner.pid} may not be signalled, or only its ticket says that it waits`
      : `PID ${owner.pid} waits ${whereText(where, owner.host)}`;
  return new Failure("NOT_PERMITTED", `${id} cannot be taken out of the line from here: ${why}`, {
    facts: { pid: owner.pid, host: owner.host, where },
    next: [{ does: "look", command: "holdfast status" }],
  });
}
