/** Variables that are set before a command, quoted or not, and its name. */
const calledPattern = /^((?:\w+=(?:'[^']*'|\\'|[^\s'\\])* )*)holdfast(?= |$)/;

/** A hint says `holdfast stop`; on another lock than the default one that would stop somebody else. */
export function onThisLock(command: string, invocation: string): string {
  // What follows is another program's.
  const [own = ""] = command.split(" -- ", 1);
  if (/ (?:--lock|-l) /.test(own)) return command;
  return command.replace(calledPattern, (_, variables: string) => variables + invocation);
}
