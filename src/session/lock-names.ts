import { readdirSync } from "node:fs";
import { errnoOf, failureFromErrno } from "../failure.ts";
import type { Home } from "../home/locate.ts";
import { namePattern } from "../home/names.ts";

/** The locks that were ever taken in a state directory, by name. */
export function lockNames(home: Home): readonly string[] {
  const names = new Set<string>();
  for (const directory of [home.claims, home.queue]) {
    for (const file of namesIn(directory)) {
      const name = /^(.+?)(?:~\d+)?\.[1-9]\d*$/.exec(file)?.[1];
      if (name !== undefined && namePattern.test(name)) names.add(name);
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
