import { Failure } from "../failure.ts";
import type { JudgedClaim } from "../lock/claim-directory.ts";
import { isSameProcess } from "../process/identity.ts";
import { terminate } from "../process/terminate.ts";
import type { Context } from "./context.ts";
import { waiterOf } from "./session-info.ts";

/**
 * Ends the process that waits with this ticket. When it returns that process is gone, so its turn cannot come any more.
 * @throws Failure `NOT_PERMITTED` when it may not be signalled, or waits where it cannot be reached from here
 */
export async function endWaiter(context: Context, ticket: JudgedClaim): Promise<void> {
  const { owner } = ticket.record;
  const table = await context.processes();
  const find = async () => (await table.list()).filter(({ identity }) => isSameProcess(identity, owner));
  await terminate({ table, find, signal: "SIGTERM", killAfterMs: context.config.stop.killAfterMs });
  const { waiters } = await context.lock.look();
  if (!waiters.some(({ number }) => number === ticket.number)) return;
  const id = waiterOf(ticket)?.id ?? "The waiter";
  throw new Failure("NOT_PERMITTED", `${id} (PID ${owner.pid} on ${owner.host}) cannot be ended from here`, {
    facts: { pid: owner.pid, host: owner.host },
  });
}
