import { excerpt } from "../home/names.ts";
import { usage } from "./globals.ts";

/** A PID as a person gave it; undefined when none was given. */
export function parsePid(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const pid = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : Number.NaN;
  if (pid > 1) return pid;
  const what = pid === 1 ? "a process id other than that of init" : "a process id";
  throw usage(`--pid: expected ${what}, got ${excerpt(text)}`, null);
}
