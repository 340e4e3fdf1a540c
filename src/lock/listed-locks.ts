import { lstatSync, readFileSync } from "node:fs";

/**
 * Whether the kernel lists a lock on this file (proc_locks(5)), whoever has it, in whichever PID namespace: for processes
 * without the native part, which cannot try for one. By its inode number alone, of any device: so it is rather locked than
 * not. Null where that cannot be told: there is no /proc.
 */
export function isListedAsLocked(path: string): boolean | null {
  try {
    const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return readFileSync("/proc/locks", "latin1").includes(`:${found?.ino ?? "none"} `);
  } catch {
    return null;
  }
}
