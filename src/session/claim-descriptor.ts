import type { StdioOptions } from "node:child_process";

/**
 * The descriptor number under which the keeper and the agent inherit the locked claim. Above what a POSIX shell
 * script can name (0-9), so that no `exec 9>file` closes it by accident.
 */
export const claimDescriptor = 10;

/**
 * The descriptor number of a launcher's lifeline: one end of a pipe that whatever it starts inherits, and nobody writes
 * to. At the other end it is seen when the last of them is gone.
 */
export const lifelineDescriptor = 11;

/** What a process is started with, one for each descriptor number. */
export type StdioList = Exclude<StdioOptions, string>;

/** A stdio list that leaves the numbers between alone and puts the claim at its own. */
export function withClaim(streams: StdioList, descriptor: number | null, { lifeline = false } = {}): StdioList {
  const list = [...streams];
  if (descriptor !== null) putAt(list, claimDescriptor, descriptor);
  if (lifeline) putAt(list, lifelineDescriptor, "pipe");
  return list;
}

function putAt(list: StdioList, number: number, stream: number | "pipe"): void {
  // For numbers above 2 Node's "ignore" means: leave it closed.
  while (list.length < number) list.push("ignore");
  list.push(stream);
}
