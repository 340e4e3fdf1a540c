import type { Step } from "./lock-model-steps.ts";

/** A numbered file of a slot; the owner is a contender, or -1 when it has released it or died. */
export interface NumberedFile {
  readonly slot: number;
  readonly number: number;
  readonly owner: number;
}

export interface Contender {
  readonly slot: number;
  /** How many times it will still try for the lock, this time included; 0 when it has ended or died. */
  readonly left: number;
  /** Where it is in its program: a place in the step table. */
  readonly place: number;
  /** A `readdir` under way: the numbers it will see, and those it may or may not see. */
  readonly scan: {
    readonly covers: (slot: number) => boolean;
    readonly surely: readonly number[];
    readonly perhaps: readonly number[];
  } | null;
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
  readonly files: readonly NumberedFile[];
  readonly contenders: readonly Contender[];
  /** Every token that was given, of all slots, in order. */
  readonly given: readonly number[];
  readonly crashes: number;
}

interface Effect {
  readonly changed: World;
  /** Undefined: the step is under way. */
  readonly answer: unknown;
}

export function hasSlots({ contenders }: World): boolean {
  return contenders.some(({ slot }) => slot !== contenders[0]?.slot);
}

export function highestGiven({ given }: World): number {
  return given.reduce((highest, token) => Math.max(highest, token), 0);
}

/** What a contender's step may do to the world, and what it is told: one for each way in which it can go. */
export function effectsOf(world: World, index: number, step: Step): readonly Effect[] {
  if (step.op === "ended") return [];
  const { number } = step;
  const { slot } = world.contenders[index] as Contender;
  const owner = world.files.find((file) => file.slot === slot && file.number === number)?.owner;
  switch (step.op) {
    case "numbers":
      return scan(world, index, (other) => other === slot);
    case "elsewhere":
      return scan(world, index, (other) => other !== slot);
    case "isFree":
      return [{ changed: world, answer: owner === undefined || owner === -1 }];
    case "publish":
      return [
        owner === undefined
          ? { changed: publish(world, index, number), answer: true }
          : { changed: world, answer: false },
      ];
    case "isStillMine":
      return [{ changed: world, answer: owner === index }];
    case "withdraw":
      return [{ changed: owner === index ? withdraw(world, index, number) : world, answer: null }];
    case "remove":
      return [{ changed: owner === undefined ? world : unlink(world, slot, number), answer: null }];
  }
}

/** A contender's claims are free from now on; it goes on as given. */
export function leave(world: World, index: number, next: Contender): World {
  const files = world.files.map((file) => (file.owner === index ? { ...file, owner: -1 } : file));
  return { ...world, files, contenders: world.contenders.with(index, next) };
}

/** What makes two worlds the same for all that can still happen; which of like contenders is which does not. */
export function keyOf(world: World): string {
  const { files, contenders, given, crashes } = world;
  const each = contenders.map(({ slot, left, place, scan: seen, holds, floor }, index) => {
    const scanned = seen === null ? "" : `${seen.surely.join(".")}?${seen.perhaps.join(".")}`;
    const owned = files.flatMap(({ number, owner }) => (owner === index ? number : []));
    return `${slot}:${left}:${place}:${scanned}:${holds}:${floor}:${owned.toSorted((a, b) => a - b).join(".")}`;
  });
  const free = files.flatMap(({ slot, number, owner }) => (owner === -1 ? `${slot}:${number}` : []));
  // What is lower than the highest can come again only where lower ones may be given later.
  const tokens = hasSlots(world) ? given.toSorted((a, b) => a - b) : [highestGiven(world)];
  return `${free.toSorted().join()}|${each.toSorted().join("|")}|${tokens.join(".")}|${crashes}`;
}

/** `readdir` in two steps; at its end it has seen any part of what came or went meanwhile (POSIX leaves that open). */
function scan(world: World, index: number, covers: (slot: number) => boolean): readonly Effect[] {
  const contender = world.contenders[index] as Contender;
  if (contender.scan === null) {
    const surely = world.files.filter(({ slot }) => covers(slot)).map(({ number }) => number);
    const begun = { ...contender, scan: { covers, surely, perhaps: [] } };
    return [{ changed: { ...world, contenders: world.contenders.with(index, begun) }, answer: undefined }];
  }
  const { surely, perhaps } = contender.scan;
  return subsetsOf(perhaps).map((seen) => ({ changed: world, answer: [...surely, ...seen].toSorted((a, b) => a - b) }));
}

function publish(world: World, index: number, number: number): World {
  const contender = world.contenders[index] as Contender;
  const { slot, restores } = contender;
  const floor = hasSlots(world) && !restores ? highestGiven(world) : 0;
  const contenders = world.contenders.with(index, { ...contender, floor });
  const files = [...world.files, { slot, number, owner: index }];
  return touch({ ...world, files, contenders }, slot, number);
}

function withdraw(world: World, index: number, number: number): World {
  const { contenders, ...rest } = world;
  const contender = { ...(contenders[index] as Contender), floor: 0 };
  return unlink({ ...rest, contenders: contenders.with(index, contender) }, contender.slot, number);
}

function unlink(world: World, slot: number, number: number): World {
  const files = world.files.filter((file) => file.slot !== slot || file.number !== number);
  return touch({ ...world, files }, slot, number);
}

/** A name came or went: every `readdir` under way may or may not see it. */
function touch(world: World, slot: number, number: number): World {
  const contenders = world.contenders.map((contender) => {
    if (contender.scan === null || !contender.scan.covers(slot)) return contender;
    const surely = contender.scan.surely.filter((other) => other !== number);
    const perhaps = [...contender.scan.perhaps.filter((other) => other !== number), number];
    return { ...contender, scan: { ...contender.scan, surely, perhaps: perhaps.toSorted((a, b) => a - b) } };
  });
  return { ...world, contenders };
}

function subsetsOf(numbers: readonly number[]): readonly (readonly number[])[] {
  const [first, ...others] = numbers;
  if (first === undefined) return [[]];
  const without = subsetsOf(others);
  return without.concat(without.map((some) => [first].concat(some)));
}
