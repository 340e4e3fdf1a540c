import type { OutputStream } from "./output-stream.ts";

/** The few styles that holdfast uses; each leaves its text alone where there is no colour. */
export type Paint = Readonly<Record<"bold" | "dim" | "red" | "yellow" | "green", (text: string) => string>>;

const asItIs = (text: string): string => text;

export const plain: Paint = { bold: asItIs, dim: asItIs, red: asItIs, yellow: asItIs, green: asItIs };

/**
 * @param color undefined: as this stream says
 * Costs about 3 ms where there is colour (chalk asks node:os and node:tty), nothing where there is none.
 */
export async function openPaint(color: boolean | undefined, stream: OutputStream): Promise<Paint> {
  const level = colorLevel(color, stream);
  if (level === 0) return plain;
  const { Chalk } = await import("chalk");
  const chalk = new Chalk({ level });
  // One text each: chalk joins all that it is given, and `map` gives more.
  return {
    bold: (text) => chalk.bold(text),
    dim: (text) => chalk.dim(text),
    red: (text) => chalk.red(text),
    yellow: (text) => chalk.yellow(text),
    green: (text) => chalk.green(text),
  };
}

/**
 * Chalk's own guess is not asked: it reads all of argv, so that `holdfast run ls --color` would colour holdfast.
 */
function colorLevel(color: boolean | undefined, stream: OutputStream): 0 | 1 {
  if (color !== undefined) return color ? 1 : 0;
  // Knows NO_COLOR, FORCE_COLOR and TERM=dumb; 1 bit is black and white, or no terminal.
  return stream.colorDepth > 1 ? 1 : 0;
}
