import type { Failure } from "../failure.ts";
import { holderOf, type JudgedClaim } from "./claim-directory.ts";
import { asUnreadable } from "./claim-record.ts";
import type { AcquireRequest, LineView, LockView } from "./lock.ts";
import { agreeOn } from "./slots.ts";

export interface Surroundings {
  /** The last claim of a slot. */
  readonly lastOf: (slot: number) => Promise<JudgedClaim | null>;
  readonly line: () => Promise<LineView>;
  /** Whether a slot may have a holder, going by what is wrong with its last claim. */
  readonly mayBeHeld: (slot: number, why: Failure) => Promise<boolean>;
  /** The slots that were ever taken. */
  readonly used: () => readonly number[];
  readonly nameOf?: AcquireRequest["nameOf"] | undefined;
}

/**
 * The slots that may be taken, in order. One whose claim cannot be read is not free, and is no reason not to take another.
 * @throws Failure `USAGE` when somebody goes by another number of them; what is wrong with the claim when none can be
 *   read, or when one cannot where such a one may be
 */
export async function lookAround(
  slots: number,
  { lastOf, line, mayBeHeld, used, nameOf }: Surroundings,
): Promise<readonly [LockView, ...LockView[]]> {
  const first = await lookAtSlot(() => lastOf(1));
  const waiting = await line();
  const views: [LockView, ...LockView[]] = [{ ...first, ...waiting }];
  for (let slot = 2; slot <= slots; slot += 1) views.push({ ...(await lookAtSlot(() => lastOf(slot))), ...waiting });
  if (first.blocked !== null && views.every(({ blocked }) => blocked !== null)) throw first.blocked;
  const holders = views.map(({ holder }) => holder);
  for (const slot of used().filter((other) => other > slots)) holders.push(holderOf(await lastOf(slot)));
  const alive = [...holders, ...waiting.waiters].filter((claim) => claim !== null);
  agreeOn(slots, alive, nameOf);
  // Whoever is there and says the same number has seen who holds the slots that cannot be read, and agreed with them.
  if (alive.some(({ record }) => record.purpose !== "maintenance")) return views;
  for (const [index, { blocked }] of views.entries()) {
    if (blocked !== null && (await mayBeHeld(index + 1, blocked))) throw blocked;
  }
  return views;
}

type SlotView = Pick<LockView, "holder" | "last" | "blocked">;

/** Whether a slot may be taken, as far as can be seen. */
export function isFree({ holder, blocked }: SlotView): boolean {
  return holder === null && blocked === null;
}

/** A claim that cannot be read is no error here: it blocks its slot. */
export async function lookAtSlot(judge: () => Promise<JudgedClaim | null>): Promise<SlotView> {
  try {
    const last = await judge();
    return { holder: holderOf(last), last, blocked: null };
  } catch (error) {
    return { holder: null, last: null, blocked: asUnreadable(error) };
  }
}
