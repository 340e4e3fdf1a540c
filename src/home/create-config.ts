import { linkSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Failure, failureFromErrno, isErrno } from "../failure.ts";
import { configFileName, findConfig } from "./config.ts";
import { configTemplate } from "./config-template.ts";
import type { Home } from "./locate.ts";
import { makeUid } from "./names.ts";
import { shellWord } from "./shell-word.ts";

/**
 * Writes a new holdfast.json at the project's root: whole, or not at all, and never over anything that is there.
 * @param command for `agent.command`; null: none
 * @returns its path
 * @throws Failure `CANNOT_CREATE` when the project has a configuration, in package.json too, or it cannot be written
 */
export function createConfig(home: Home, command: readonly string[] | null): string {
  const found = findConfig(home);
  if (found !== null) throw existing(found.path, found.key);
  const path = join(home.root, configFileName);
  const draft = `${path}.${makeUid()}`;
  try {
    writeFileSync(draft, configTemplate(command), { flag: "wx" });
    // link(2) refuses where there is anything, also a link that leads nowhere.
    linkSync(draft, path);
    return path;
  } catch (error) {
    throw isErrno(error, "EEXIST") ? existing(path, null) : notWritten(error, path);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** What would be said of an errno alone is about a file that is there, or about the place of the state. */
function notWritten(error: unknown, path: string): Failure {
  const { code, message, facts } = failureFromErrno(error, "write the configuration", path);
  const look = { does: "see whose it is", command: `ls -ld ${shellWord(dirname(path))}` };
  const next = isErrno(error, "EACCES", "EPERM", "EROFS") ? [look] : [];
  return new Failure(code, message, { facts, next, cause: error });
}

function existing(path: string, key: string | null): Failure {
  const where = key === null ? "" : `, under the key "${key}"`;
  return new Failure("CANNOT_CREATE", `There is a configuration already${where}: nothing was written\n${path}`, {
    facts: { path },
    next: [{ does: "check it", command: "holdfast doctor" }],
  });
}
