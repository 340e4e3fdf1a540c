/** A hint says `holdfast stop`; on another lock than the default one that would stop somebody else. */
export function onThisLock(command: string, invocation: string): string {
  return / (?:--lock|-l) /.test(command) ? command : command.replace(/^holdfast(?= |$)/, () => invocation);
}
