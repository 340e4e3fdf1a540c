import { parseDuration } from "../home/duration.ts";
import type { ReadinessProbe } from "../session/session-info.ts";
import { parseNumber } from "./count.ts";
import { givenPattern, givenText } from "./given-command.ts";
import { usage } from "./globals.ts";

export interface ReadinessOptions {
  readonly readyOutput?: string;
  readonly readyPort?: string;
  readonly readyCommand?: string;
  readonly readyTimeout?: string;
}

const timeoutDefault = "60s";
const help = "holdfast start --help";

/**
 * What must be seen before `start` says so; null when nothing was asked for.
 * @param isLauncher whether the time is a launcher's, too
 */
export function parseReadiness(options: ReadinessOptions, isLauncher = false): ReadinessProbe | null {
  const { readyOutput, readyPort, readyCommand, readyTimeout } = options;
  if (readyOutput === undefined && readyPort === undefined && readyCommand === undefined) {
    if (readyTimeout === undefined || isLauncher) return null;
    const others = "--ready-output, --ready-port, --ready-command or --launcher";
    throw usage(`--ready-timeout: give ${others} too`, help);
  }
  return {
    output: readyOutput === undefined ? null : givenPattern(readyOutput, "--ready-output").source,
    port: readyPort === undefined ? null : parseNumber(readyPort, "--ready-port", { least: 1, most: 65_535, help }),
    command: readyCommand === undefined ? null : givenText(readyCommand, "--ready-command", "a shell command"),
    timeout_ms: parseDuration(readyTimeout ?? timeoutDefault, "--ready-timeout"),
  };
}
