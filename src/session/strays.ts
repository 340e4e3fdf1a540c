import type { ProcessEntry } from "../process/table.ts";
import type { Context } from "./context.ts";
import { sessionsAround } from "./take-lock.ts";
import { activeSession } from "./reconcile.ts";
import { slotsOf } from "./slots.ts";

/**
 * Processes of this user that carry the cookie of a session of this very lock and directory, which is not the active
 * one. Not this process's own sessions, and not what `--close` has let go.
 */
export async function findStrays(context: Context): Promise<readonly ProcessEntry[]> {
  const spared = new Set<string | undefined>(sessionsAround(context.env));
  for (const slot of slotsOf(context)) spared.add(activeSession(await slot.lock.look())?.session.uid);
  const table = await context.processes();
  const strays: ProcessEntry[] = [];
  for (const entry of await table.list()) {
    if (entry.pid === process.pid || entry.state === "zombie" || entry.uid !== process.geteuid?.()) continue;
    const environment = await table.environmentOf(entry.pid, "HOLDFAST_");
    if (environment === null || environment.get("HOLDFAST_CLOSE") === "1") continue;
    const isHere = environment.get("HOLDFAST_DIR") === context.home.root;
    const cookie = environment.get("HOLDFAST_SESSION");
    if (
      isHere &&
      environment.get("HOLDFAST_LOCK") === context.lock.name &&
      cookie !== undefined &&
      !spared.has(cookie)
    ) {
      strays.push(entry);
    }
  }
  return strays;
}
