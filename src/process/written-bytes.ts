import { readFileSync } from "node:fs";
import type { ProcessEntry } from "./table.ts";

/**
 * How much these processes have written so far, to whatever they write to (`wchar` of /proc/PID/io, proc(5)): a number
 * that rises while they do. Null where that cannot be told: without /proc, or for another user's processes.
 */
export function writtenBytes(processes: readonly ProcessEntry[]): number | null {
  let sum = 0;
  let isKnown = false;
  for (const { pid } of processes) {
    const wchar = /^wchar: (\d+)$/m.exec(readOrEmpty(`/proc/${pid}/io`))?.[1];
    if (wchar === undefined) continue;
    isKnown = true;
    sum += Number(wchar);
  }
  return isKnown ? sum : null;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
