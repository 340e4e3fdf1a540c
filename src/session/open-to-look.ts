import { defaultConfig } from "../home/config.ts";
import type { Home } from "../home/locate.ts";
import { currentActor } from "./actor.ts";
import { openContext, type Context } from "./context.ts";
import { lockNames } from "./lock-names.ts";
import { slotsOf } from "./slots.ts";

/**
 * The slots of a lock, for those who only look, whatever the configuration says: it may be wrong, and it says nothing about
 * who holds a lock. Nothing is made, and no hook is run.
 * @param lock null: every lock; none for one that was never taken
 * @throws Failure `NOT_PERMITTED` when another user could tamper with the state directory
 */
export async function openToLook(home: Home, lock: string | null): Promise<readonly Context[]> {
  const by = currentActor();
  const names = lockNames(home).filter((name) => lock === null || lock === name);
  const open = (lockName: string) => openContext({ home, config: defaultConfig, env: {}, lockName, by, create: false });
  return (await Promise.all(names.map(open))).flatMap(slotsOf);
}
