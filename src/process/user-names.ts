import { readFileSync } from "node:fs";

/**
 * Names from /etc/passwd by uid, read once. Users of a directory service are not in it: asking for those takes a
 * process (`getent`) or native code, which a name is not worth.
 */
export class UserNames {
  readonly #path: string;
  #names: ReadonlyMap<number, string> | undefined;

  constructor(path = "/etc/passwd") {
    this.#path = path;
  }

  /** @returns undefined for a uid without a name */
  nameOf(uid: number): string | undefined {
    this.#names ??= parsePasswd(readOrEmpty(this.#path));
    return this.#names.get(uid);
  }
}

/** passwd(5): `name:password:uid:…`. The first name of a uid is the one that programs show. */
export function parsePasswd(text: string): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const line of text.split("\n")) {
    const [name = "", , uid = ""] = line.split(":");
    if (name !== "" && /^\d+$/.test(uid) && !names.has(Number(uid))) names.set(Number(uid), name);
  }
  return names;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
