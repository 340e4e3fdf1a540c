import { readFileSync } from "node:fs";

/**
 * The process group that this process shares with the foreground of its controlling terminal: the group a Ctrl-C there
 * reaches. Null in the background, without a terminal, and where `/proc` cannot tell.
 */
export function foregroundGroup(): number | null {
  try {
    const stat = readFileSync("/proc/self/stat", "latin1");
    // After the command's name, which may hold anything: state, ppid, pgrp, session, tty_nr, tpgid (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [group, terminalGroup] = [Number(fields[2]), Number(fields[5])];
    return group === terminalGroup ? group : null;
  } catch {
    return null;
  }
}
