import { Failure } from "../failure.ts";
import type { JudgedClaim } from "./claim-directory.ts";

/*
 * A lock that several sessions may hold at once is several locks with one queue: each slot has claims of its own, and is
 * held by one at a time by the very same protocol. `~` is in no lock's name.
 */

/** What the claim files of a slot are called: `session` for the first, then `session~2`. */
export function slotName(lock: string, slot: number): string {
  return slot === 1 ? lock : `${lock}~${slot}`;
}

/** Which slot a claim file belongs to, and its number; null when it is none of this lock. */
export function readSlot(file: string, lock: string): { readonly slot: number; readonly number: number } | null {
  if (!file.startsWith(lock)) return null;
  const found = /^(?:~([1-9]\d{0,3}))?\.([1-9]\d{0,15})$/.exec(file.slice(lock.length));
  return found === null ? null : { slot: Number(found[1] ?? 1), number: Number(found[2]) };
}

/** The highest claim of a slot, if its owner lives and holds it. */
export function holderOf(last: JudgedClaim | null): JudgedClaim | null {
  return last === null || last.free ? null : last;
}

/** The numbers of a lock's claims, whichever slot they are of. */
export function numbersOfSlots(files: readonly string[], lock: string): readonly number[] {
  return files.flatMap((file) => readSlot(file, lock)?.number ?? []);
}

/** @throws Failure `USAGE` when one of these, alive, goes by another number of slots */
export function agreeOn(slots: number, alive: readonly (JudgedClaim | null)[]): void {
  for (const claim of alive) {
    if (claim === null || claim.record.purpose === "maintenance" || claim.record.slots === slots) continue;
    const { pid, host } = claim.record.owner;
    const they = claim.record.slots;
    const way = they === 1 ? "leave out --slots" : `say --slots ${they}`;
    throw new Failure("USAGE", `This lock has ${counted(they)} while PID ${pid} is there, not ${slots}: ${way}`, {
      facts: { slots: they, wanted_slots: slots, pid, host },
      next: [{ does: "look", command: "holdfast status" }],
    });
  }
}

function counted(slots: number): string {
  return slots === 1 ? "1 slot" : `${slots} slots`;
}
