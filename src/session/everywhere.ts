import { realpathSync } from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import { Failure } from "../failure.ts";
import { locateHome, type Home } from "../home/locate.ts";
import { escapeControl } from "../home/names.ts";
import type { ProcessTable } from "../process/table.ts";
import { Trouble } from "./trouble.ts";

export interface Everywhere {
  /** Each state directory once: the caller's, then the others by the path of their project. */
  readonly homes: readonly Home[];
  /** What runs for a project that is not found. */
  readonly trouble: readonly Failure[];
}

/**
 * Where sessions of this user live, in whichever directory: the environment of what runs in them tells, and that of their
 * keepers. Nothing is recorded for it, so nothing can be out of date; of a `run` whose command has cleared its
 * environment it knows nothing.
 * @param here the caller's, be there sessions in it or not
 */
export async function homesOfSessions(table: ProcessTable, here: Home): Promise<Everywhere> {
  const homes = new Map<string, Home | null>();
  const trouble = new Trouble();
  for (const { uid, state, pid } of await table.list()) {
    if (uid !== process.geteuid?.() || state === "zombie") continue;
    const variables = await table.variablesOf(pid);
    const root = variables?.get("HOLDFAST_DIR");
    // What a person sets may be relative, to a directory that nobody knows.
    if (root === undefined || !isAbsolute(root)) continue;
    const named = variables?.get("HOLDFAST_STATE_DIR");
    const key = JSON.stringify([root, named]);
    if (!homes.has(key)) homes.set(key, await trouble.spare(() => homeNamed(root, { named, pid })));
  }
  const found = new Map([...homes.values()].flatMap((home) => (home === null ? [] : [[placeOf(home), home]])));
  found.delete(placeOf(here));
  const byRoot = [...found.values()].toSorted((one, other) => (one.root < other.root ? -1 : 1));
  return { homes: [here, ...byRoot], trouble: trouble.found };
}

/** One, however it is spelled: a path through links is the path that it leads to. Itself it must not be one. */
function placeOf({ state }: Home): string {
  try {
    return join(realpathSync(dirname(state)), basename(state));
  } catch {
    return state;
  }
}

async function homeNamed(root: string, { named, pid }: { named: string | undefined; pid: number }): Promise<Home> {
  try {
    return locateHome({ dir: root, env: { HOLDFAST_STATE_DIR: named }, cwd: "/" });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const what = `PID ${pid} runs for a directory that is not found here`;
    throw new Failure("NOT_FOUND", `${what}\n${escapeControl(root)}`, { facts: { pid, path: root }, cause: error });
  }
}
