import type { Wait } from "./lock-crowd.ts";
import type { Turn } from "./lock-messages.ts";

export type GrantedWait = Wait & { readonly turn: Turn };

export function isGranted(wait: Wait): wait is GrantedWait {
  return wait.turn !== null;
}

/** Who holds a ticket is older than whoever drew a higher one, and than whoever asked later and got the lock without. */
function isOlder({ ticket }: Wait, than: GrantedWait): boolean {
  if (ticket === null) return false;
  const { ticket: other } = than.turn;
  return other === null ? ticket.takenAtMs < than.askedAtMs : ticket.number < other.number;
}

/** Whether it certainly lived and had not had its turn yet. */
function wasInLineAt(wait: Wait, grant: GrantedWait): boolean {
  if (wait.turn !== null && wait.turn.token < grant.turn.token) return false;
  return wait.killedAtMs === null || wait.killedAtMs > grant.turn.grantedAtMs;
}

/** Every grant that passed somebody, in words. */
export function unfairGrants(waits: readonly Wait[]): string[] {
  return waits.filter(isGranted).flatMap((grant) => {
    const passed = waits.filter((wait) => wait !== grant && isOlder(wait, grant) && wasInLineAt(wait, grant));
    const { token, ticket } = grant.turn;
    return passed.map((wait) => `token ${token}, ticket ${ticket?.number}, passed ticket ${wait.ticket?.number}`);
  });
}
