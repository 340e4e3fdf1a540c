import { readStat } from "../process/proc-stat.ts";

/**
 * The process group that this process shares with the foreground of its controlling terminal: the group a Ctrl-C there
 * reaches. Null in the background, without a terminal, and where `/proc` cannot tell.
 */
export function foregroundGroup(): number | null {
  const stat = readStat("self");
  return typeof stat !== "string" && stat.pgid === stat.foregroundGroup ? stat.pgid : null;
}
