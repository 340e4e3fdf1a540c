import { cpSync } from "node:fs";
import { join } from "node:path";
import type { Workspace } from "./workspace.ts";

const repository = join(import.meta.dirname, "../..");

/**
 * Copies the built program into the workspace, away from its dependencies: as on a platform for which the native part
 * is not built.
 * @returns its directory
 */
export function installWithoutNativePart(workspace: Workspace): string {
  const directory = join(workspace.root, "../installation");
  for (const part of ["bin", "dist", "package.json"]) {
    cpSync(join(repository, part), join(directory, part), { recursive: true });
  }
  return directory;
}

/** The start of a command line that calls a copied holdfast. */
export function installed(directory: string): readonly string[] {
  return [process.execPath, join(directory, "bin/holdfast.js")];
}
