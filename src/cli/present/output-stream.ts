import { fstatSync, writeSync } from "node:fs";
import { errnoOf } from "../../failure.ts";

/** What a presenter needs of stdout and stderr. */
export interface OutputStream {
  readonly isTTY: boolean;
  /** Width of the terminal; undefined where there is none. */
  readonly columns: number | undefined;
  /** Bits; 1 where there is no terminal, or one without colours. */
  readonly colorDepth: number;
  write(text: string): void;
}

/** Whoever read our output has gone: there is nobody left to tell, and nothing more to do. */
export class BrokenPipe extends Error {}

const standardStreams = { 1: () => process.stdout, 2: () => process.stderr } as const;

/**
 * Writes straight to the descriptor. `process.stdout` would do, but is made when it is first asked for and takes 4 ms
 * of every start; it is used for terminals, and for pipes that somebody made non-blocking.
 */
export function openOutputStream(descriptor: 1 | 2): OutputStream {
  const stream = standardStreams[descriptor];
  let isTerminal: boolean | undefined;
  return {
    get isTTY() {
      isTerminal ??= mayBeTerminal(descriptor) && stream().isTTY;
      return isTerminal;
    },
    get columns() {
      return this.isTTY ? stream().columns : undefined;
    },
    get colorDepth() {
      return this.isTTY ? stream().getColorDepth() : 1;
    },
    write(text) {
      let rest = Buffer.from(text);
      try {
        while (rest.length > 0) rest = rest.subarray(writeSync(descriptor, rest));
      } catch (error) {
        if (errnoOf(error) === "EAGAIN") stream().write(rest);
        else if (errnoOf(error) !== "EPIPE" && errnoOf(error) !== "EBADF") throw error;
        else if (descriptor === 1) throw new BrokenPipe();
      }
    },
  };
}

/** The null device: minor 3 of major 1 on Linux. */
const nullDevice = 0x103;

function mayBeTerminal(descriptor: number): boolean {
  try {
    const stat = fstatSync(descriptor);
    return stat.isCharacterDevice() && stat.rdev !== nullDevice;
  } catch {
    return false;
  }
}
