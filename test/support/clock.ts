import { join } from "node:path";
import type { Workspace } from "./workspace.ts";

const preloaded = join(import.meta.dirname, "../fixtures/clock/shifted.cjs");

/** The environment of a machine of its own with a clock that can be set. @param name of the machine */
export function machineWithClock(workspace: Workspace, name: string): Readonly<Record<string, string>> {
  return { NODE_OPTIONS: `--require=${preloaded}`, CLOCK_SHIFT: join(workspace.root, `clock.${name}`) };
}

/** Sets the clock of a machine, also of what runs there already. */
export function setClock(workspace: Workspace, name: string, byMs: number): void {
  workspace.write(`clock.${name}`, String(byMs));
}
