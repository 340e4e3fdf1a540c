import { Failure } from "../failure.ts";
import type { JudgedClaim } from "../lock/claim-directory.ts";
import { isSameProcess } from "../process/identity.ts";
import { terminate } from "../process/terminate.ts";
import type { Context } from "./context.ts";
import { activeSession } from "./reconcile.ts";
import { readRecord } from "./session-end.ts";
import { waiterOf } from "./session-info.ts";
import { slotsOf } from "./slots.ts";

/**
 * Ends the process that waits with this ticket, as long as it waits. A keeper whose turn comes meanwhile has a session to
 * end, in its own time: killed, it would leave that behind.
 * @returns true: it has left the line, and its turn cannot come any more; false: its turn has come
 * @throws Failure `NOT_PERMITTED` when it may not be signalled, or waits where it cannot be reached from here
 */
export async function endWaiter(context: Context, ticket: JudgedClaim): Promise<boolean> {
  const { owner } = ticket.record;
  const table = await context.processes();
  const find = async () => {
    if (!(await stands(context, ticket))) return [];
    return (await table.list()).filter(({ identity }) => isSameProcess(identity, owner));
  };
  await terminate({ table, find, signal: "SIGTERM", killAfterMs: context.config.stop.killAfterMs });
  if (!(await stands(context, ticket))) return !(await hasItsTurn(context, ticket));
  const id = waiterOf(ticket)?.id ?? "The waiter";
  throw new Failure("NOT_PERMITTED", `${id} (PID ${owner.pid} on ${owner.host}) cannot be ended from here`, {
    facts: { pid: owner.pid, host: owner.host },
  });
}

async function stands(context: Context, ticket: JudgedClaim): Promise<boolean> {
  return (await context.lock.look()).waiters.some(({ number }) => number === ticket.number);
}

async function hasItsTurn(context: Context, ticket: JudgedClaim): Promise<boolean> {
  const uid = waiterOf(ticket)?.uid;
  if (uid !== undefined && readRecord(context.home, uid) !== null) return true;
  for (const slot of slotsOf(context)) {
    const active = activeSession(await slot.lock.look());
    if (uid !== undefined && active?.session.uid === uid) return true;
  }
  return false;
}
