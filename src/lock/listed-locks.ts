import { lstatSync, readFileSync } from "node:fs";

/**
 * Whether the kernel lists a lock on this file (proc_locks(5)), in whichever PID namespace whoever has it runs: ours belong
 * to open files, not to processes. For processes without the native part, which cannot try for one. It goes by the inode
 * number alone, of any device, so it is rather locked than not. Null where that cannot be told: there is no /proc.
 */
export function isListedAsLocked(path: string): boolean | null {
  try {
    const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return readFileSync("/proc/locks", "latin1").includes(`:${found?.ino ?? "none"} `);
  } catch {
    return null;
  }
}
