import type { Command, OptionValues } from "commander";
import type { Cli, Exit } from "./cli.ts";

/** What a command is called with. */
export interface Call {
  readonly cli: Cli;
  readonly options: OptionValues;
  /** Its positional arguments. */
  readonly args: readonly string[];
  /** What followed `--`; null when nothing did. */
  readonly operands: readonly string[] | null;
  /** Its options as they were typed, for hints. */
  readonly typed: string;
}

export interface Verb {
  readonly name: string;
  /** Its positional arguments, as commander declares them. */
  readonly args: string;
  readonly summary: string;
  /** What may follow `--`: a command to run, or words that are none of its own. */
  readonly after?: "command" | "words";
  /** Whether it has done something by the time it shows its result. */
  readonly acts?: true;
  /** Declares its options: only when it is the one that is called, for declaring all takes 2 ms. */
  readonly declare: (command: Command) => Command;
  readonly run: (call: Call) => Exit;
}
