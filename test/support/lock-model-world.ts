import { bitOf, numbersIn, type Step } from "./lock-model-steps.ts";

/*
 * Sets of numbers are bits: the bit 1 << 3 is the number 3. A world is made from another one at every step, so it is small.
 */

/** What does not fit into a key any more; the numbers in a model stay well below. */
const highestNumber = 15;

export interface Contender {
  readonly slot: number;
  /** How many times it will still try for the lock, this time included; 0 when it has ended or died. */
  readonly left: number;
  /** Where it is in its program: a place in the step table. */
  readonly place: number;
  /** False for one that has not begun to take the lock, in a world where one has to wait for that. */
  readonly isInside: boolean;
  /** Whose `readdir` is under way: of its own slot, of the others, or none. */
  readonly reads: "own" | "others" | null;
  /** The numbers that it will see, and those it may or may not see. */
  readonly surely: number;
  readonly perhaps: number;
  /** Its own files: those that are free when it dies. */
  readonly owns: number;
  /** The token with which it holds its slot, or 0. */
  readonly holds: number;
  /**
   * The highest token that was given when it published its number: what it gets must be higher. 0 with only one slot:
   * what was given there later must be lower, too.
   */
  readonly floor: number;
  /** Takes a token that it had before, in no order with what others get. */
  readonly restores: boolean;
}

export interface World {
  /** The numbers that exist, of each slot; those that nobody owns are free. */
  readonly files: readonly number[];
  readonly contenders: readonly Contender[];
  /** Every token that was given, of all slots. */
  readonly given: number;
  readonly crashes: number;
  readonly hasSlots: boolean;
}

interface Effect {
  readonly changed: World;
  readonly answer: number;
}

export function highestGiven({ given }: World): number {
  return given === 0 ? 0 : 31 - Math.clz32(given);
}

/** What a contender's step may do to the world, and what it is told: one for each way in which it can go. */
// oxlint-disable-next-line complexity -- one case for each operation
export function effectsOf(world: World, index: number, step: Step): readonly Effect[] {
  if (step.op === "ended") return [];
  const contender = world.contenders[index] as Contender;
  const bit = bitOf(step.number);
  const exists = ((world.files[contender.slot - 1] ?? 0) & bit) !== 0;
  const isMine = (contender.owns & bit) !== 0;
  switch (step.op) {
    case "numbers":
    case "elsewhere":
      // At its end it has seen any part of what came or went meanwhile (POSIX leaves that open).
      return subsetsOf(contender.perhaps).map((seen) => ({ changed: world, answer: contender.surely | seen }));
    case "isFree":
      return [{ changed: world, answer: exists && isOwned(world, contender.slot, bit) ? 0 : 1 }];
    case "publish":
      return [exists ? { changed: world, answer: 0 } : { changed: publish(world, index, step.number), answer: 1 }];
    case "isStillMine":
      return [{ changed: world, answer: isMine ? 1 : 0 }];
    case "withdraw":
      return [{ changed: isMine ? withdraw(world, index, bit) : world, answer: 0 }];
    case "remove":
      return [{ changed: exists ? unlink(world, contender.slot, bit) : world, answer: 0 }];
  }
}

/**
 * A contender that goes on at another place. If it reads the directory there, it has begun at once: whoever begins later
 * can see nothing that it could not see, too.
 */
export function goTo(world: World, next: Contender, { op }: Step): Contender {
  const reads = next.isInside ? readsOf(op) : null;
  if (reads === null) return next.reads === null ? next : { ...next, reads: null, surely: 0, perhaps: 0 };
  let surely = 0;
  for (let slot = 1; slot <= world.files.length; slot += 1) {
    if ((reads === "own") === (slot === next.slot)) surely |= world.files[slot - 1] ?? 0;
  }
  return { ...next, reads, surely, perhaps: 0 };
}

function readsOf(op: Step["op"]): Contender["reads"] {
  if (op === "numbers") return "own";
  return op === "elsewhere" ? "others" : null;
}

/** What makes two worlds the same for all that can still happen; which of like contenders is which does not. */
export function keyOf({ files, contenders, given, crashes, hasSlots }: World): string {
  const each = contenders.map((one) =>
    String.fromCharCode(
      (one.slot << 8) | (one.left << 1) | (one.isInside ? 1 : 0),
      // Dead, it is nowhere.
      one.place + 1,
      one.surely,
      one.perhaps,
      one.owns,
      (one.holds << 4) | one.floor,
    ),
  );
  // What is lower than the highest can come again only where lower ones may be given later.
  const tokens = hasSlots || given === 0 ? given : bitOf(31 - Math.clz32(given));
  return each.toSorted().join("") + String.fromCharCode(...files, tokens, crashes);
}

function isOwned({ contenders }: World, slot: number, bit: number): boolean {
  return contenders.some((one) => one.slot === slot && (one.owns & bit) !== 0);
}

function publish(world: World, index: number, number: number): World {
  if (number > highestNumber) throw new Error(`Number ${number} is too high for this model`);
  const bit = bitOf(number);
  const contender = world.contenders[index] as Contender;
  const { slot, restores, owns } = contender;
  const floor = world.hasSlots && !restores ? highestGiven(world) : 0;
  const files = world.files.with(slot - 1, (world.files[slot - 1] ?? 0) | bit);
  return touch({ ...world, files, contenders: world.contenders.with(index, { ...contender, owns: owns | bit, floor }) }, slot, bit); // prettier-ignore
}

function withdraw(world: World, index: number, bit: number): World {
  const contender = { ...(world.contenders[index] as Contender), floor: 0 };
  return unlink({ ...world, contenders: world.contenders.with(index, contender) }, contender.slot, bit);
}

function unlink(world: World, slot: number, bit: number): World {
  const files = world.files.with(slot - 1, (world.files[slot - 1] ?? 0) & ~bit);
  const contenders = world.contenders.map((one) =>
    one.slot === slot && (one.owns & bit) !== 0 ? { ...one, owns: one.owns & ~bit } : one,
  );
  return touch({ ...world, files, contenders }, slot, bit);
}

/** A name came or went: every `readdir` under way may or may not see it. */
function touch(world: World, slot: number, bit: number): World {
  const contenders = world.contenders.map((one) => {
    if (one.reads === null || (one.reads === "own") !== (one.slot === slot)) return one;
    return { ...one, surely: one.surely & ~bit, perhaps: one.perhaps | bit };
  });
  return { ...world, contenders };
}

function subsetsOf(bits: number): number[] {
  const subsets = [0];
  for (const number of numbersIn(bits)) subsets.push(...subsets.map((some) => some | bitOf(number)));
  return subsets;
}
