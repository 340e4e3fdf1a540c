import type { Whereabouts } from "../process/identity.ts";

/** `in another PID namespace on this machine`, `on build7`: to be said behind a PID, which means nothing here then. */
export function whereText(where: Whereabouts, host: string): string {
  switch (where) {
    case "here":
      return "";
    case "other_pid_namespace":
      return "in another PID namespace on this machine";
    case "other_machine":
      return `on ${host}`;
    case "unknown":
      return `on ${host}, as far as can be told`;
  }
}
