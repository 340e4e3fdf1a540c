import { defaultConfig } from "../home/config.ts";
import type { Home } from "../home/locate.ts";
import { currentActor } from "./actor.ts";
import { openContext, type Context } from "./context.ts";
import { slotsOf } from "./slots.ts";

/**
 * A lock's slots, for those who only look, whatever the configuration says: it may be wrong, and it says nothing about
 * who holds a lock. Nothing is made, and no hook is run.
 * @throws Failure `NOT_PERMITTED` when another user could tamper with the state directory
 */
export async function openToLook(home: Home, lockName: string): Promise<readonly Context[]> {
  const by = currentActor();
  return slotsOf(await openContext({ home, config: defaultConfig, env: {}, lockName, by, create: false }));
}
