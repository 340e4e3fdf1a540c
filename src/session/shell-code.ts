import { constants } from "node:os";

const signalNumbers: Readonly<Record<string, number>> = constants.signals;

/** How a shell reports an exit: the code itself, or 128+N for signal N. */
export function shellCode(code: number | null, signal: string | null): number {
  return signal === null ? (code ?? 1) : 128 + (signalNumbers[signal] ?? 0);
}
