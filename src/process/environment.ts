/** What the names of holdfast's own variables begin with. */
const ownPrefix = "HOLDFAST_";

/**
 * Parses /proc/PID/environ: `NAME=value`, each ended by NUL, of which only holdfast's own variables are taken. Of a name
 * that is there twice the first counts, as for getenv(3); text without `=` is no variable.
 */
export function parseEnvironment(bytes: Buffer): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  // Most processes have none: finding that out needs no text.
  if (!bytes.includes(ownPrefix)) return variables;
  for (const text of bytes.toString("utf8").split("\0")) {
    const equals = text.indexOf("=");
    if (equals === -1 || !text.startsWith(ownPrefix)) continue;
    const name = text.slice(0, equals);
    if (!variables.has(name)) variables.set(name, text.slice(equals + 1));
  }
  return variables;
}
