import { readdirSync } from "node:fs";
import { errnoOf, failureFromErrno } from "../failure.ts";
import type { Home } from "../home/locate.ts";

/** The locks that were ever taken in a state directory, by name. */
export function lockNames(home: Home): readonly string[] {
  const names = new Set<string>();
  for (const directory of [home.claims, home.queue]) {
    for (const file of namesIn(directory)) {
      const name = /^([A-Za-z0-9][A-Za-z0-9._-]{0,63})(?:~\d+)?\.[1-9]\d*$/.exec(file)?.[1];
      if (name !== undefined) names.add(name);
    }
  }
  return [...names].toSorted();
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw failureFromErrno(error, "list the locks", directory);
  }
}
