import type { ProcessEntry } from "../process/table.ts";

/** How many processes count as one kind of operation, and which. */
export interface OperationCount {
  readonly kind: string;
  readonly pids: readonly number[];
}

/** @param patterns a regular expression for each kind, matched against command lines */
export function countOperations(
  patterns: Readonly<Record<string, string>>,
  processes: readonly ProcessEntry[],
): readonly OperationCount[] {
  return Object.entries(patterns).map(([kind, pattern]) => {
    const matches = new RegExp(pattern);
    return { kind, pids: processes.filter(({ command }) => matches.test(command)).map(({ pid }) => pid) };
  });
}
