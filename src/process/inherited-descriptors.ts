import { closeSync, readdirSync } from "node:fs";
import { readProcFile } from "./proc-files.ts";

/** O_CLOEXEC, as /proc/PID/fdinfo shows it: in octal (proc_pid_fdinfo(5)). */
const closeOnExec = 0o2_000_000;

/**
 * Closes the descriptors above 2 that this process got from its parent and would pass on to whatever it starts. Node
 * passes on none of its own, and sees to some twenty that it inherits (uv_disable_stdio_inheritance), but not to those
 * above a gap: a background process would keep them open for as long as it lives, and who reads from the other end of
 * such a pipe, as a CI runner may, would wait for that. Does nothing without /proc.
 */
export function closeInheritedDescriptors(): void {
  for (const number of ownDescriptors()) {
    if (number <= 2 || isCloseOnExec(number)) continue;
    try {
      closeSync(number);
    } catch {
      // The one that listed them, which is closed already.
    }
  }
}

function ownDescriptors(): readonly number[] {
  try {
    return readdirSync("/proc/self/fd").map(Number);
  } catch {
    return [];
  }
}

/** True as well for what cannot be looked at: it is closed by now, or nothing is known. */
function isCloseOnExec(number: number): boolean {
  const info = readProcFile(`/proc/self/fdinfo/${number}`);
  const flags = typeof info === "string" ? undefined : /^flags:\s*([0-7]+)$/m.exec(info.toString("latin1"))?.[1];
  return flags === undefined || (Number.parseInt(flags, 8) & closeOnExec) !== 0;
}
