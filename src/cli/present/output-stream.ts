import { fstatSync, writeSync } from "node:fs";
import { errnoOf, errnoText } from "../../failure.ts";

/** What a presenter needs of stdout and stderr. */
export interface OutputStream {
  readonly isTTY: boolean;
  /** Width of the terminal; undefined where there is none. */
  readonly columns: number | undefined;
  /** Bits; 1 where there is no terminal, or one without colours. */
  readonly colorDepth: number;
  /**
   * What stderr does not take is lost: there is nobody to tell.
   * @throws BrokenPipe, UnwrittenAnswer where it is stdout
   */
  write(text: string): void;
}

/** Whoever read our output has gone: there is nobody left to tell, and nothing more to do. */
export class BrokenPipe extends Error {}

/** Stdout takes no more, for want of room most often: whoever asked gets no answer, and is to be told that. */
export class UnwrittenAnswer extends Error {
  readonly errno: string;
  /** Whether it is the answer to something that has been done. */
  readonly isDone: boolean;

  constructor(errno: string, isDone = false) {
    super(`The answer could not be written to standard output: ${errnoText(errno)}`);
    this.errno = errno;
    this.isDone = isDone;
  }
}

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
      return this.isTTY ? stream().getColorDepth(withoutEmpty(process.env)) : 1;
    },
    write(text) {
      let rest = Buffer.from(text);
      try {
        while (rest.length > 0) rest = rest.subarray(writeSync(descriptor, rest));
      } catch (error) {
        const errno = errnoOf(error);
        if (errno === undefined) throw error;
        if (errno === "EAGAIN") stream().write(rest);
        else if (descriptor === 1) throw errno === "EPIPE" ? new BrokenPipe() : new UnwrittenAnswer(errno);
      }
    },
  };
}

/** Node takes a NO_COLOR that is empty for one that is set. */
function withoutEmpty(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { NO_COLOR, ...others } = env;
  return NO_COLOR ? env : others;
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
