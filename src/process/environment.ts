/**
 * Parses /proc/PID/environ: `NAME=value`, each ended by NUL. Of a name that is there twice the first counts, as for
 * getenv(3); text without `=` is no variable.
 * @param prefix only names that begin so
 */
export function parseEnvironment(bytes: Buffer, prefix = ""): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  // Most processes have none of the variables that are looked for: finding that out needs no text.
  if (prefix !== "" && !bytes.includes(prefix)) return variables;
  for (const text of bytes.toString("utf8").split("\0")) {
    const equals = text.indexOf("=");
    if (equals < 1 || !text.startsWith(prefix)) continue;
    const name = text.slice(0, equals);
    if (!variables.has(name)) variables.set(name, text.slice(equals + 1));
  }
  return variables;
}
