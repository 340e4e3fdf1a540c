import { readlinkSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import type { Actor } from "../journal/event.ts";

/** Who runs this command, as the event log names them. */
export function currentActor(name?: string): Actor {
  const actor: Actor = { user: userName(), host: hostname(), pid: process.pid, tty: terminalName() };
  return name === undefined ? actor : { ...actor, name };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a uid that has no name.
    return String(process.getuid?.() ?? "unknown");
  }
}

/** `pts/0`, from the first of the standard streams that is a terminal. */
function terminalName(): string | null {
  for (const descriptor of [0, 2, 1]) {
    try {
      const target = readlinkSync(`/proc/self/fd/${descriptor}`);
      if (/^\/dev\/(pts\/\d+|tty\w+)$/.test(target)) return target.slice("/dev/".length);
    } catch {
      return null;
    }
  }
  return null;
}
