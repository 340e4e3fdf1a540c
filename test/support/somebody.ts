import { spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { dirname } from "node:path";
import type { Workspace } from "./workspace.ts";

const isRoot = process.getuid?.() === 0;
const setpriv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/** Root may do everything. What a command line begins with so that somebody runs it who may not; null: it cannot be had. */
export const asSomebody: readonly string[] | null = isRoot ? whenPossible(setpriv) : [];

/** For the name of tests that are skipped. */
export const whyNotSomebody = asSomebody === null ? " (SKIPPED: root, without setpriv)" : "";

function whenPossible(words: readonly string[]): readonly string[] | null {
  const [program = "", ...args] = words;
  return spawnSync(program, [...args, "true"]).status === 0 ? words : null;
}

/** Lets somebody make a state directory in this workspace. */
export function openForEverybody(workspace: Workspace): void {
  for (const path of [workspace.root, dirname(workspace.root)]) chmodSync(path, 0o777);
}
