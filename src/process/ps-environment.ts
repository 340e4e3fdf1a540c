/**
 * What `ps` says about environments: one text of a command and its variables, joined by spaces, in which nothing tells
 * where a value ends. Hence only holdfast's own variables are taken from it, whose values have no spaces where it
 * matters (a longer value is cut at its first), and only where the text leaves no doubt:
 * - the command itself, which may well contain `HOLDFAST_SESSION=…` (`sh -c "HOLDFAST_SESSION=… x"`), is cut off;
 * - a variable that seems to be there twice with different values, because it is also part of another one's value,
 *   is left out.
 * @param command the same process's command without environment, from another run of `ps`
 * @returns null when there is no environment to see: another user's process, a protected one (macOS), or an empty one
 */
export function parsePsEnvironment(
  command: string,
  commandWithEnvironment: string,
): ReadonlyMap<string, string> | null {
  // It has run another program between the two looks.
  if (!commandWithEnvironment.startsWith(command)) return null;
  const environment = commandWithEnvironment.slice(command.length);
  if (environment.trim() === "") return null;
  const variables = new Map<string, string>();
  const doubtful = new Set<string>();
  for (const [, name = "", value = ""] of environment.matchAll(/(?<=\s)(HOLDFAST_\w*)=(\S*)/g)) {
    if ((variables.get(name) ?? value) !== value) doubtful.add(name);
    variables.set(name, value);
  }
  for (const name of doubtful) variables.delete(name);
  return variables;
}

/** Lines of `ps -o pid= -o args=` by PID. */
export function parsePidLines(output: string): ReadonlyMap<number, string> {
  const lines = new Map<number, string>();
  for (const text of output.split("\n")) {
    const [, pid, rest = ""] = /^\s*(\d+) ?(.*)$/.exec(text) ?? [];
    if (pid !== undefined) lines.set(Number(pid), rest);
  }
  return lines;
}

/** Every process with its environment behind the command; each system's `ps` has another option for that. */
export function environmentOptions(platform: NodeJS.Platform): readonly string[] {
  if (platform === "linux") return ["axeww"];
  return platform === "darwin" ? ["-A", "-E", "-ww"] : ["-A", "-e", "-ww"];
}
