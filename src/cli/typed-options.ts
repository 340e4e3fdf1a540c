import type { Command } from "commander";
import { shellWord } from "../home/shell-word.ts";

/** What a hint says by itself: how long to wait, and what the session it speaks of knows. */
const saidByHints: ReadonlySet<string> = new Set([
  "nonblock",
  "wait",
  "queue",
  "slots",
  "launcher",
  "pidFile",
  "shell",
]);

/** The options of `start` or `run` as they were typed, for a hint to type the same again: `--ready-port 80 --owner ci`. */
export function typedOptions(command: Command): string {
  const words = command.options.flatMap((option) => {
    const name = option.attributeName();
    // Those of every command are hidden, and in the hint anyway.
    if (option.hidden || saidByHints.has(name) || command.getOptionValueSource(name) !== "cli") return [];
    const value: unknown = command.getOptionValue(name);
    return [option.long ?? option.flags, ...(typeof value === "string" ? [shellWord(value)] : [])];
  });
  return words.join(" ");
}
