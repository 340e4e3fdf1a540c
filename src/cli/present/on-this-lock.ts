/** Variables that are set before a command, quoted or not, and its name. */
const calledPattern = /^((?:\w+=(?:'[^']*'|\\'|[^\s'\\])* )*)holdfast(?= |$)/;

/**
 * A hint says `holdfast stop`; on another lock than the default one that would stop somebody else. One that names its lock
 * takes the directory only.
 */
export function onThisLock(command: string, invocation: string): string {
  // What follows is another program's.
  const [own = ""] = command.split(" -- ", 1);
  const called = / (?:--lock|-l) /.test(own) ? invocation.replace(/ --lock [^\s']+$/, "") : invocation;
  return command.replace(calledPattern, (_, variables: string) => variables + called);
}
