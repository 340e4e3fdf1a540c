import type { ProcessState } from "./table.ts";

/** By the first letter of ps(1), which on Linux is that of /proc/PID/stat; `I` and `U` are idle and uninterruptible. */
const states: Readonly<Record<string, ProcessState>> = {
  R: "running",
  S: "sleeping",
  D: "sleeping",
  I: "sleeping",
  U: "sleeping",
  T: "stopped",
  t: "stopped",
  Z: "zombie",
  X: "zombie",
  x: "zombie",
};

/** `other` for a letter that is not known. */
export function stateOfLetter(letter: string): ProcessState {
  return states[letter] ?? "other";
}
