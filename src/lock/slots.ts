import { Failure } from "../failure.ts";
import { systemClock } from "../process/clock.ts";
import type { JudgedClaim } from "./claim-directory.ts";
import type { AcquireRequest, Lock } from "./lock.ts";

/*
 * A lock that several sessions may hold at once is several locks with one queue: each slot has claims of its own, and is
 * held by one at a time by the very same protocol. `~` is in no lock's name.
 *
 * That protocol wants the next number, and numbers rise over all slots. With the gaps that this leaves in each, a claim
 * that was published and then withdrawn for another slot's sake could be passed by a higher one, come back under its
 * number, and both would hold the slot. So whoever takes a slot holds one more lock meanwhile, the gate: one at a time.
 */

/** What the claim files of a slot are called: `session` for the first, then `session~2`. */
export function slotName(lock: string, slot: number): string {
  return slot === 1 ? lock : `${lock}~${slot}`;
}

/** What the lock is called that who takes a slot holds meanwhile: `session~0`. */
export function gateName(lock: string): string {
  return `${lock}~0`;
}

/** Taking a slot takes milliseconds. */
const lookAtGateEveryMs = 2;
const gatePatienceMs = 10_000;

/** Runs a task when nobody else does. @throws Failure `BUSY` when somebody stands still in theirs */
export async function oneAtATime<Result>(gate: Lock, task: () => Promise<Result>): Promise<Result> {
  const deadline = systemClock.now() + gatePatienceMs;
  for (;;) {
    // The queue is that of the slots; here nobody waits for long. A damaged claim of the gate says nothing to anyone.
    const acquired = await gate.acquire({ purpose: "maintenance", info: null, passQueue: true, despiteDamage: true });
    if (acquired.held !== null) {
      try {
        return await task();
      } finally {
        await acquired.held.release(null);
      }
    }
    if (systemClock.now() > deadline) throw standsStill(acquired.views[0].holder);
    await systemClock.sleep(lookAtGateEveryMs);
  }
}

function standsStill(holder: JudgedClaim | null): Failure {
  const pid = holder?.record.owner.pid ?? null;
  return new Failure("BUSY", `PID ${pid} is taking a slot of this lock, and does not get on with it`, {
    facts: { pid },
    next: [{ does: "look", command: "holdfast status" }],
  });
}

/** Which slot a claim file belongs to, and its number; null when it is none of this lock. */
export function readSlot(file: string, lock: string): { readonly slot: number; readonly number: number } | null {
  if (!file.startsWith(lock)) return null;
  const found = /^(?:~([1-9]\d{0,3}))?\.([1-9]\d{0,15})$/.exec(file.slice(lock.length));
  return found === null ? null : { slot: Number(found[1] ?? 1), number: Number(found[2]) };
}

/** The numbers of a lock's claims, whichever slot they are of. @param except but for this one */
export function numbersOfSlots(files: readonly string[], lock: string, except?: number): readonly number[] {
  const found = files.flatMap((file) => readSlot(file, lock) ?? []);
  return found.filter(({ slot }) => slot !== except).map(({ number }) => number);
}

/** @throws Failure `USAGE` when one of these, alive, goes by another number of slots */
export function agreeOn(
  slots: number,
  alive: readonly JudgedClaim[],
  nameOf: AcquireRequest["nameOf"] = () => null,
): void {
  const others = alive.filter(({ record }) => record.purpose !== "maintenance" && record.slots !== slots);
  const [first] = others;
  if (first === undefined) return;
  const { slots: they, owner } = first.record;
  const way = they === 1 ? "leave out --slots" : `say --slots ${they}`;
  const who = others.map((claim) => nameOf(claim) ?? `PID ${claim.record.owner.pid}`).join(", ");
  const are = others.length === 1 ? "is" : "are";
  throw new Failure("USAGE", `This lock has ${counted(they)} while ${who} ${are} there, not ${slots}: ${way}`, {
    facts: { slots: they, wanted_slots: slots, pid: owner.pid, host: owner.host },
    next: [{ does: "look", command: "holdfast status" }],
  });
}

function counted(slots: number): string {
  return slots === 1 ? "1 slot" : `${slots} slots`;
}
