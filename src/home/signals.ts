import { constants } from "node:os";
import { Failure } from "../failure.ts";
import { excerpt } from "./names.ts";

/**
 * Reads a signal as kill(1) and timeout(1) do: `TERM`, `SIGTERM` or `15`, in either case.
 * @throws Failure `USAGE` for one that this platform does not have
 */
export function parseSignal(text: string): NodeJS.Signals {
  const signal = readSignal(text);
  if (signal !== null) return signal;
  throw new Failure("USAGE", `Not a signal: "${excerpt(text)}"\nUse a name or number such as TERM, SIGINT or 9.`, {
    facts: { text: excerpt(text) },
  });
}

/** As `parseSignal`; null for what it refuses. */
export function readSignal(text: string): NodeJS.Signals | null {
  const number = /^[0-9]{1,2}$/.test(text) ? Number(text) : null;
  const name = text.toUpperCase();
  for (const signal of Object.keys(constants.signals)) {
    if (!isSignal(signal)) continue;
    if (number === constants.signals[signal] || name === signal || `SIG${name}` === signal) return signal;
  }
  return null;
}

function isSignal(name: string): name is NodeJS.Signals {
  return name in constants.signals;
}
