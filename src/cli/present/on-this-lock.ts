import { defaultLock } from "../../home/names.ts";

/** Variables that are set before a command, quoted or not, and its name. */
const calledPattern = /^((?:\w+=(?:'[^']*'|\\'|[^\s'\\])* )*)holdfast(?= |$)/;

/** As `invocationOf` puts it. */
const lockOption = / --lock [^\s']+$/;

/**
 * A hint says `holdfast stop`; on another lock than the default one that would stop somebody else. One that names its lock
 * takes the directory only.
 */
export function onThisLock(command: string, invocation: string): string {
  // What follows is another program's.
  const [own = ""] = command.split(" -- ", 1);
  const called = / (?:--lock|-l) /.test(own) ? invocation.replace(lockOption, "") : invocation;
  return command.replace(calledPattern, (_, variables: string) => variables + called);
}

/** How to call holdfast on another lock of the project. The default one is named only where another one was. */
export function invocationOn(lock: string, invocation: string): string {
  const bare = invocation.replace(lockOption, "");
  return lock === defaultLock && bare === invocation ? bare : `${bare} --lock ${lock}`;
}
