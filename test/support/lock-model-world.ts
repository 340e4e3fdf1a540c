import type { Step } from "./lock-model-steps.ts";

/** A numbered file of one of two slots; the owner is a contender, or -1 when it has released it or died. */
interface NumberedFile {
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
  /** A `readdir` of a slot under way: the numbers it will see, and those it may or may not see. */
  readonly scan: {
    readonly own: boolean;
    readonly surely: readonly number[];
    readonly perhaps: readonly number[];
  } | null;
  /** The number it published last, in this try; 0 before. */
  readonly published: number;
  /** That number must not be granted: it would be in disorder with one that was. */
  readonly spoilt: boolean;
  /** The token with which it holds the lock, or 0. */
  readonly holds: number;
}

export interface World {
  readonly files: readonly NumberedFile[];
  readonly contenders: readonly Contender[];
  /** Who has published and neither withdrawn nor been granted, in the order of publishing. */
  readonly pending: readonly number[];
  /** The highest that was granted. */
  readonly lastToken: number;
  readonly crashes: number;
}

interface Effect {
  readonly changed: World;
  /** Undefined: the step is under way. */
  readonly answer: unknown;
}

/** What a contender's step may do to the world, and what it is told: one for each way in which it can go. */
export function effectsOf(world: World, index: number, step: Step): readonly Effect[] {
  if (step.op === "ended") return [];
  const { number } = step;
  const { slot } = contenderAt(world, index);
  const owner = world.files.find((file) => file.slot === slot && file.number === number)?.owner;
  switch (step.op) {
    case "numbers":
    case "elsewhere":
      return scan(world, index, step.op === "numbers");
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
      return [{ changed: settle(owner === index ? unlink(world, slot, number) : world, index), answer: null }];
    case "remove":
      return [{ changed: owner === undefined ? world : unlink(world, slot, number), answer: null }];
  }
}

/** A contender's claims are free from now on; it goes on as given. */
export function leave(world: World, index: number, next: Contender): World {
  const files = world.files.map((file) => (file.owner === index ? { ...file, owner: -1 } : file));
  return { ...settle(world, index), files, contenders: world.contenders.with(index, next) };
}

/**
 * The number is granted: those that are granted rise in the order in which they were published, over both slots. So it
 * spoils what was published before it and is not lower, and what was published after it and is not higher.
 */
export function grant(world: World, index: number, token: number): World {
  const rank = world.pending.indexOf(index);
  const contenders = world.contenders.map((contender, other) => {
    const at = world.pending.indexOf(other);
    if (other === index || at === -1) return contender;
    const inOrder = at < rank ? contender.published < token : contender.published > token;
    return inOrder ? contender : { ...contender, spoilt: true };
  });
  return { ...settle(world, index), contenders, lastToken: Math.max(world.lastToken, token) };
}

/** What makes two worlds the same for all that can still happen; which of like contenders is which does not. */
export function keyOf({ files, contenders, pending, lastToken, crashes }: World): string {
  const each = contenders.map(({ slot, left, place, scan: seen, holds, published, spoilt }, index) => {
    const scanned = seen === null ? "" : `${seen.surely.join(".")}?${seen.perhaps.join(".")}`;
    const owned = files.flatMap(({ number, owner }) => (owner === index ? number : []));
    const order = pending.includes(index) ? `${pending.indexOf(index)}.${published}.${spoilt}` : "";
    return `${slot}:${left}:${place}:${scanned}:${holds}:${order}:${owned.toSorted((a, b) => a - b).join(".")}`;
  });
  const free = files.flatMap(({ slot, number, owner }) => (owner === -1 ? `${slot}~${number}` : []));
  return `${free.toSorted().join(".")}|${each.toSorted().join("|")}|${lastToken}|${crashes}`;
}

/** `readdir` in two steps; at its end it has seen any part of what came or went meanwhile (POSIX leaves that open). */
function scan(world: World, index: number, own: boolean): readonly Effect[] {
  const contender = contenderAt(world, index);
  if (contender.scan === null) {
    const there = world.files.filter(({ slot }) => (slot === contender.slot) === own).map(({ number }) => number);
    const begun = { ...contender, scan: { own, surely: there, perhaps: [] } };
    return [{ changed: { ...world, contenders: world.contenders.with(index, begun) }, answer: undefined }];
  }
  const { surely, perhaps } = contender.scan;
  return subsetsOf(perhaps).map((seen) => ({ changed: world, answer: [...surely, ...seen].toSorted((a, b) => a - b) }));
}

function contenderAt(world: World, index: number): Contender {
  const contender = world.contenders[index];
  if (contender === undefined) throw new Error(`No contender ${index}`);
  return contender;
}

function publish(world: World, index: number, number: number): World {
  const contender = contenderAt(world, index);
  const published = { ...contender, published: number, spoilt: number <= world.lastToken };
  const changed = {
    ...world,
    files: [...world.files, { slot: contender.slot, number, owner: index }],
    contenders: world.contenders.with(index, published),
    pending: [...settle(world, index).pending, index],
  };
  return touch(changed, contender.slot, number);
}

function settle(world: World, index: number): World {
  return { ...world, pending: world.pending.filter((other) => other !== index) };
}

function unlink(world: World, slot: number, number: number): World {
  const files = world.files.filter((file) => file.slot !== slot || file.number !== number);
  return touch({ ...world, files }, slot, number);
}

/** A name came or went: every `readdir` under way may or may not see it. */
function touch(world: World, slot: number, number: number): World {
  const contenders = world.contenders.map((contender) => {
    if (contender.scan === null || (contender.slot === slot) !== contender.scan.own) return contender;
    const surely = contender.scan.surely.filter((other) => other !== number);
    const perhaps = [...contender.scan.perhaps.filter((other) => other !== number), number];
    return { ...contender, scan: { own: contender.scan.own, surely, perhaps: perhaps.toSorted((a, b) => a - b) } };
  });
  return { ...world, contenders };
}

function subsetsOf(numbers: readonly number[]): readonly (readonly number[])[] {
  const [first, ...others] = numbers;
  if (first === undefined) return [[]];
  const without = subsetsOf(others);
  return without.concat(without.map((some) => [first].concat(some)));
}
