import { execFileSync } from "node:child_process";
import { onTestFinished } from "vitest";
import { temporaryDirectory } from "./temporary-directory.ts";

/** Why there is none, for the test that is skipped. */
export const whyNotMounted = "mounting a file system takes root";

/** A file system of its own, for the test that calls this; null where this process may not mount one. */
export function mountedDirectory(type: string, options: string): string | null {
  const directory = temporaryDirectory();
  try {
    execFileSync("mount", ["-t", type, "-o", options, type, directory], { stdio: "ignore" });
  } catch {
    return null;
  }
  onTestFinished(() => void execFileSync("umount", [directory], { stdio: "ignore" }));
  return directory;
}
