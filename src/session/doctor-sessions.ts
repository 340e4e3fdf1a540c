import type { NextStep } from "../failure.ts";
import type { Home } from "../home/locate.ts";
import type { Context } from "./context.ts";
import type { Finding } from "./doctor-check.ts";
import { openToLook } from "./open-to-look.ts";
import { activeSession } from "./reconcile.ts";
import { Trouble } from "./trouble.ts";
import { findUnsettled } from "./unsettled.ts";

/**
 * Who holds the locks of a state directory, and what dead keepers have left. It closes no session, as `status` does.
 * @param lock null: every lock
 * @throws Failure what hides a lock, when everything else was looked at
 */
export async function lookAtSessions(home: Home, lock: string | null): Promise<Finding> {
  const trouble = new Trouble();
  const [active, wrong]: [string[], string[]] = [[], []];
  for (const slot of await openToLook(home, lock)) {
    const seen = await trouble.spare(() => lookAtSlot(slot));
    active.push(...(seen?.active ?? []));
    wrong.push(...(seen?.wrong ?? []));
  }
  const [first] = trouble.found;
  if (first !== undefined) throw first;
  const facts = { active: active.length, wrong: wrong.length };
  return wrong.length === 0
    ? { text: active.length === 0 ? "none" : active.join(", "), facts }
    : { text: [...wrong, ...active].join(", "), facts, warning: steps };
}

const steps: readonly NextStep[] = [
  { does: "look closer", command: "holdfast list" },
  { does: "end orphans", command: "holdfast cleanup --orphans" },
];

async function lookAtSlot(slot: Context): Promise<{ readonly active: string[]; readonly wrong: string[] }> {
  const view = await slot.lock.look();
  const [unreadable] = view.unreadable;
  if (unreadable !== undefined) throw unreadable;
  const found = activeSession(view);
  const isOrphaned = found === null || found.orphaned;
  const left = isOrphaned ? await findUnsettled(slot, view.holder ?? view.last) : [];
  const wrong = left.map(({ session, processes }) => {
    const count = processes.length === 1 ? "1 process" : `${processes.length} processes`;
    return `${session.id} lost its keeper and has ${processes.length === 0 ? "no end on record" : count}`;
  });
  if (view.holder?.heartbeat === "unknown") wrong.push("whether a holder lives cannot be told from here");
  return { active: isOrphaned ? [] : [`${found.session.id} is active`], wrong };
}
