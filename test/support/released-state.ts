import { chmodSync, cpSync, lstatSync, mkdirSync, readdirSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "./program.ts";
import type { Workspace } from "./workspace.ts";

const formats = join(import.meta.dirname, "../fixtures/formats");

/** The versions whose files are kept (test/fixtures/formats/record.mjs records them). */
export const releasedVersions: readonly string[] = readdirSync(formats).filter((name) => /^\d/.test(name));

/** The state directory of a released version, as old as it would be, with the modes that git does not keep. */
export function unpackRelease(workspace: Workspace, version: string): void {
  cpSync(join(formats, version), workspace.state, { recursive: true });
  const longAgo = new Date(Date.now() - 86_400_000);
  for (const path of pathsIn(workspace.state)) {
    chmodSync(path, lstatSync(path).isDirectory() ? 0o700 : 0o600);
    utimesSync(path, longAgo, longAgo);
  }
  chmodSync(workspace.state, 0o700);
  for (const name of ["claims", "queue", "sessions"]) mkdirSync(join(workspace.state, name), { recursive: true });
}

/** The lines of its log, as they stand there. */
export function releasedEvents(version: string): readonly Json[] {
  return linesOf(join(formats, version, "holdfast.log"));
}

/** Its records, as they stand there. */
export function releasedRecords(version: string): readonly Json[] {
  const paths = pathsIn(join(formats, version)).filter((path) => path.endsWith("/record.json"));
  return paths.flatMap(linesOf);
}

function linesOf(path: string): readonly Json[] {
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line): Json => JSON.parse(line));
}

/** Every file and directory below a directory. */
export function pathsIn(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" }).map((name) => join(directory, name));
}
