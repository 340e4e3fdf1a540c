import { execFileSync } from "node:child_process";
import { onTestFinished } from "vitest";
import { temporaryDirectory } from "./temporary-directory.ts";

/** Why there is none, for the test that is skipped. */
export const whyNotMounted = "mounting a file system takes root";

/** A file system of its own, for the test that calls this; null where this process may not mount one. */
export function mountedDirectory(type: string, options: string): string | null {
  const directory = temporaryDirectory();
  try {
    shell(`mount -t ${type} -o ${options} ${type} "$0"`, directory);
  } catch {
    return null;
  }
  onTestFinished(() => shell(`umount "$0"`, directory));
  return directory;
}

/** The same directory at another path, at which nothing can be written; null where this process may not mount one. */
export function readOnlyView(of: string): string | null {
  const directory = temporaryDirectory();
  try {
    shell(`mount --bind ${of} "$0"`, directory);
  } catch {
    return null;
  }
  onTestFinished(() => shell(`umount "$0"`, directory));
  shell(`mount -o remount,bind,ro "$0"`, directory);
  return directory;
}

function shell(script: string, argument: string): void {
  execFileSync("sh", ["-c", script, argument], { stdio: "ignore" });
}
