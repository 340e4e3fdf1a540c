import type { StdioOptions } from "node:child_process";

/**
 * The descriptor number under which the keeper and the agent inherit the locked claim. Above what a POSIX shell
 * script can name (0-9), so that no `exec 9>file` closes it by accident.
 */
export const claimDescriptor = 10;

/** A stdio list that leaves the numbers between alone and puts the claim at its own. */
export function withClaim(streams: Exclude<StdioOptions, string>, descriptor: number | null): StdioOptions {
  if (descriptor === null) return streams;
  const list = [...streams];
  // For numbers above 2 Node's "ignore" means: leave it closed.
  while (list.length < claimDescriptor) list.push("ignore");
  list.push(descriptor);
  return list;
}
