import type { Step } from "./lock-model-steps.ts";

/** A numbered file; the owner is a contender, or -1 when it has released it or died. */
interface NumberedFile {
  readonly number: number;
  readonly owner: number;
}

export interface Contender {
  /** How many times it will still try for the lock, this time included; 0 when it has ended or died. */
  readonly left: number;
  /** Where it is in its program: a place in the step table. */
  readonly place: number;
  /** A `readdir` under way: the numbers it will see, and those it may or may not see. */
  readonly scan: { readonly surely: readonly number[]; readonly perhaps: readonly number[] } | null;
  /** The token with which it holds the lock, or 0. */
  readonly holds: number;
}

export interface World {
  readonly files: readonly NumberedFile[];
  readonly contenders: readonly Contender[];
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
  const owner = world.files.find((file) => file.number === number)?.owner;
  switch (step.op) {
    case "numbers":
      return scan(world, index);
    case "elsewhere":
      return [{ changed: world, answer: [] }];
    case "isFree":
      return [{ changed: world, answer: owner === undefined || owner === -1 }];
    case "publish":
      return [
        owner === undefined
          ? { changed: touch({ ...world, files: [...world.files, { number, owner: index }] }, number), answer: true }
          : { changed: world, answer: false },
      ];
    case "isStillMine":
      return [{ changed: world, answer: owner === index }];
    case "withdraw":
      return [{ changed: owner === index ? unlink(world, number) : world, answer: null }];
    case "remove":
      return [{ changed: owner === undefined ? world : unlink(world, number), answer: null }];
  }
}

/** A contender's claims are free from now on; it goes on as given. */
export function leave(world: World, index: number, next: Contender): World {
  const files = world.files.map((file) => (file.owner === index ? { ...file, owner: -1 } : file));
  return { ...world, files, contenders: world.contenders.with(index, next) };
}

/** What makes two worlds the same for all that can still happen; which of like contenders is which does not. */
export function keyOf({ files, contenders, lastToken, crashes }: World): string {
  const each = contenders.map(({ left, place, scan: seen, holds }, index) => {
    const scanned = seen === null ? "" : `${seen.surely.join(".")}?${seen.perhaps.join(".")}`;
    const owned = files.flatMap(({ number, owner }) => (owner === index ? number : []));
    return `${left}:${place}:${scanned}:${holds}:${owned.toSorted((a, b) => a - b).join(".")}`;
  });
  const free = files.flatMap(({ number, owner }) => (owner === -1 ? number : []));
  return `${free.toSorted((a, b) => a - b).join(".")}|${each.toSorted().join("|")}|${lastToken}|${crashes}`;
}

/** `readdir` in two steps; at its end it has seen any part of what came or went meanwhile (POSIX leaves that open). */
function scan(world: World, index: number): readonly Effect[] {
  const contender = world.contenders[index] as Contender;
  if (contender.scan === null) {
    const begun = { ...contender, scan: { surely: world.files.map(({ number }) => number), perhaps: [] } };
    return [{ changed: { ...world, contenders: world.contenders.with(index, begun) }, answer: undefined }];
  }
  const { surely, perhaps } = contender.scan;
  return subsetsOf(perhaps).map((seen) => ({ changed: world, answer: [...surely, ...seen].toSorted((a, b) => a - b) }));
}

function unlink(world: World, number: number): World {
  return touch({ ...world, files: world.files.filter((file) => file.number !== number) }, number);
}

/** A name came or went: every `readdir` under way may or may not see it. */
function touch(world: World, number: number): World {
  const contenders = world.contenders.map((contender) => {
    if (contender.scan === null) return contender;
    const surely = contender.scan.surely.filter((other) => other !== number);
    const perhaps = [...contender.scan.perhaps.filter((other) => other !== number), number];
    return { ...contender, scan: { surely, perhaps: perhaps.toSorted((a, b) => a - b) } };
  });
  return { ...world, contenders };
}

function subsetsOf(numbers: readonly number[]): readonly (readonly number[])[] {
  const [first, ...others] = numbers;
  if (first === undefined) return [[]];
  const without = subsetsOf(others);
  return without.concat(without.map((some) => [first].concat(some)));
}
