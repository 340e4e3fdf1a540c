import { bitOf, numbersIn } from "./lock-model-steps.ts";
import type { Asked, Directory } from "./model-process.ts";

/** A name in a directory: what the file says, and whose it is, or -1 when its pulse has ended. */
export interface Entry {
  readonly number: number;
  readonly text: number;
  readonly owner: number;
}

type PerDirectory<Value> = Readonly<Record<Directory, Value>>;

export interface Contender {
  readonly state: "running" | "done" | "dead";
  /** Where it is in its program: a place in the table. */
  readonly place: number;
  /** The `readdir` that is under way: what it will see, and what it may or may not see, as bits. */
  readonly reads: Directory | null;
  readonly surely: number;
  readonly perhaps: number;
  /** The number under which its file is linked there, or 0. */
  readonly linked: PerDirectory<number>;
  /** Whose pulse it waits for, in which directory; `over` when that has ended. */
  readonly waits: { readonly owner: number; readonly directory: Directory } | "over" | null;
  /** The token with which it holds the lock, or 0. */
  readonly holds: number;
  /** Its place in line, or 0. */
  readonly ticket: number;
  readonly hadItsTurn: boolean;
  /** Who was in line when it came, and still is: bits of contenders. */
  readonly sawInLine: number;
}

export interface World {
  readonly entries: PerDirectory<readonly Entry[]>;
  readonly contenders: readonly Contender[];
  /** The highest token that was ever given, and all tickets, as bits: of these the numbers alone tell the order. */
  readonly given: { readonly token: number; readonly tickets: number };
  readonly crashes: number;
  /** Who went on last, and how often it may still be another one's turn although that one could go on. */
  readonly last: number;
  readonly switches: number;
}

/** @param answer absent: it is under way */
interface Effect {
  readonly changed: World;
  readonly answer?: number;
}

/** What a contender's step may do to the world, and what it is told: one for each way in which it can go. */
export function effectsOf(world: World, index: number, step: Asked): readonly Effect[] {
  const me = contenderOf(world, index);
  switch (step.op) {
    case "ended":
    case "sleep":
      return [];
    case "arrive":
      return [{ changed: change(world, index, { sawInLine: inLine(world, index) }), answer: 1 }];
    case "readdir":
      return subsetsOf(me.perhaps).map((seen) => ({ changed: world, answer: me.surely | seen }));
    case "end":
      return [{ changed: endPulse(world, index, step.directory), answer: 1 }];
    case "append":
      return [{ changed: append(world, index, step), answer: 1 }];
    default:
      return effectsOnName(world, index, step);
  }
}

// oxlint-disable-next-line complexity -- one case for each operation
function effectsOnName(
  world: World,
  index: number,
  step: Extract<Asked, { readonly number: number }>,
): readonly Effect[] {
  const { directory, number } = step;
  const entry = world.entries[directory].find((each) => each.number === number);
  switch (step.op) {
    case "read":
      return [{ changed: world, answer: entry?.text ?? 0 }];
    case "isMine":
      return [{ changed: world, answer: entry?.owner === index ? 1 : 0 }];
    case "probe":
      return [{ changed: world, answer: (entry?.owner ?? -1) < 0 ? aliveBit(world, step.pid) : 1 | aliveBit(world, step.pid) }]; // prettier-ignore
    case "link":
      return [entry === undefined ? { changed: link(world, index, step), answer: 1 } : { changed: world, answer: 0 }];
    case "unlink":
      return [entry === undefined ? { changed: world, answer: 0 } : { changed: unlink(world, step), answer: 1 }];
    case "wait":
      return waitFor(world, index, directory, entry);
  }
}

/** Only what somebody has left in the world is to be seen of a crash. */
export function canBeNoticed(world: World, index: number): boolean {
  const { state, linked } = contenderOf(world, index);
  if (state !== "running") return false;
  return linked.claims > 0 || linked.queue > 0 || world.contenders.some(({ waits }) => isFor(waits, index));
}

export function die(world: World, index: number): World {
  const without = endPulse(endPulse(world, index, "queue"), index, "claims");
  const gone = { state: "dead", place: -1, reads: null, surely: 0, perhaps: 0, waits: null, sawInLine: 0 } as const;
  return { ...change(without, index, gone), crashes: world.crashes - 1 };
}

/** A contender that goes on at another place. If it reads a directory there, it has begun at once (see lock-model-world.ts). */
export function goTo(world: World, index: number, place: number, step: Asked): World {
  const state = step.op === "ended" ? "done" : "running";
  if (step.op !== "readdir") {
    return change(world, index, { state, place, reads: null, surely: 0, perhaps: 0, waits: null });
  }
  const surely = world.entries[step.directory].reduce((all, { number }) => all | bitOf(number), 0);
  return change(world, index, { state, place, reads: step.directory, surely, perhaps: 0, waits: null });
}

export function change(world: World, index: number, changed: Partial<Contender>): World {
  return { ...world, contenders: world.contenders.with(index, { ...contenderOf(world, index), ...changed }) };
}

export function contenderOf({ contenders }: World, index: number): Contender {
  const contender = contenders[index];
  if (contender === undefined) throw new Error(`No contender ${index}`);
  return contender;
}

/** What makes two worlds the same for all that can still happen. */
export function keyOf({ entries, contenders, given, crashes, last, switches }: World): string {
  const each = contenders.map(
    ({ state, place, surely, perhaps, linked, waits, holds, ticket, hadItsTurn, sawInLine }) =>
      String.fromCharCode(
        place + 1,
        (state === "running" ? 1 : 0) | (hadItsTurn ? 2 : 0) | (sawInLine << 2),
        surely,
        perhaps,
        (linked.claims << 4) | linked.queue,
        (holds << 4) | ticket,
        waitingCode(waits),
      ),
  );
  const files = (["claims", "queue"] as const).map((directory) =>
    String.fromCharCode(
      0xff_ff,
      ...entries[directory].flatMap(({ number, text, owner }) => [(number << 4) | (owner + 1), text]),
    ),
  );
  return [...each, ...files, String.fromCharCode(given.token, given.tickets, crashes, last + 1, switches)].join("");
}

function waitingCode(waits: Contender["waits"]): number {
  if (waits === null) return 0;
  return waits === "over" ? 1 : 2 + waits.owner * 2 + (waits.directory === "queue" ? 1 : 0);
}

function inLine({ contenders }: World, except: number): number {
  return contenders.reduce(
    (bits, { ticket }, index) => (ticket > 0 && index !== except ? bits | bitOf(index) : bits),
    0,
  );
}

/** PIDs are those of contenders, counted from 1; others are of processes that died before. */
function aliveBit({ contenders }: World, pid: number): number {
  return contenders[pid - 1]?.state === "running" ? 2 : 0;
}

function waitFor(world: World, index: number, directory: Directory, entry: Entry | undefined): readonly Effect[] {
  const { waits } = contenderOf(world, index);
  if (waits === "over") return [{ changed: world, answer: 1 }];
  if (waits !== null) return [];
  if (entry === undefined || entry.owner < 0) return [{ changed: world, answer: 1 }];
  return [{ changed: change(world, index, { waits: { owner: entry.owner, directory } }) }];
}

function isFor(waits: Contender["waits"], owner: number): boolean {
  return waits !== null && waits !== "over" && waits.owner === owner;
}

function link(world: World, index: number, step: Extract<Asked, { readonly op: "link" }>): World {
  const { directory, number, text } = step;
  const { linked } = contenderOf(world, index);
  const entries = [...world.entries[directory], { number, text, owner: index }].toSorted((a, b) => a.number - b.number);
  const named = { ...world, entries: { ...world.entries, [directory]: entries } };
  return touch(change(named, index, { linked: { ...linked, [directory]: number } }), directory, number);
}

function unlink(
  world: World,
  { directory, number }: { readonly directory: Directory; readonly number: number },
): World {
  const owner = world.entries[directory].find((each) => each.number === number)?.owner ?? -1;
  const entries = world.entries[directory].filter((each) => each.number !== number);
  const nameless = { ...world, entries: { ...world.entries, [directory]: entries } };
  if (owner < 0) return touch(nameless, directory, number);
  const { linked } = contenderOf(world, owner);
  return touch(change(nameless, owner, { linked: { ...linked, [directory]: 0 } }), directory, number);
}

function append(world: World, index: number, step: Extract<Asked, { readonly op: "append" }>): World {
  const { directory, text, isReleased } = step;
  const entries = world.entries[directory].map((each) => (each.owner === index ? { ...each, text } : each));
  const changed = { ...world, entries: { ...world.entries, [directory]: entries } };
  return isReleased ? giveUp(changed, index, directory) : changed;
}

/** Everybody who waits for it wakes. */
function endPulse(world: World, index: number, directory: Directory): World {
  const entries = world.entries[directory].map((each) => (each.owner === index ? { ...each, owner: -1 } : each));
  const contenders = world.contenders.map((one) =>
    isFor(one.waits, index) && one.waits !== "over" && one.waits?.directory === directory
      ? { ...one, waits: "over" as const }
      : one,
  );
  const ended = { ...world, entries: { ...world.entries, [directory]: entries }, contenders };
  const { linked } = contenderOf(ended, index);
  return giveUp(change(ended, index, { linked: { ...linked, [directory]: 0 } }), index, directory);
}

/** It holds the lock no more, or is in line no more. */
function giveUp(world: World, index: number, directory: Directory): World {
  if (directory === "claims") return contenderOf(world, index).holds === 0 ? world : change(world, index, { holds: 0 });
  if (contenderOf(world, index).ticket === 0) return world;
  const left = change(world, index, { ticket: 0 });
  const contenders = left.contenders.map((one) => ({ ...one, sawInLine: one.sawInLine & ~bitOf(index) }));
  return { ...left, contenders };
}

/** A name came or went: every `readdir` under way may or may not see it. */
function touch(world: World, directory: Directory, number: number): World {
  const bit = bitOf(number);
  const contenders = world.contenders.map((one) =>
    one.reads === directory ? { ...one, surely: one.surely & ~bit, perhaps: one.perhaps | bit } : one,
  );
  return { ...world, contenders };
}

function subsetsOf(bits: number): number[] {
  const subsets = [0];
  for (const number of numbersIn(bits)) subsets.push(...subsets.map((some) => some | bitOf(number)));
  return subsets;
}
