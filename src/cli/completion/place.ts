import { Command, type Option } from "commander";
import { addGlobalOptions } from "../globals.ts";
import type { Verb } from "../verb.ts";

/** What may stand where something is being typed. `file`: what the shell completes by itself. */
export type Wanted =
  | "command"
  | "option"
  | "lock"
  | "session"
  | "any-session"
  | "signal"
  | "shell"
  | "file"
  | "nothing";

/** Where on a command line something is being typed. */
export interface Place {
  readonly wanted: Wanted;
  /** What has been typed of it. */
  readonly typed: string;
  /** What stands before that in the same word: `--lock=`. */
  readonly prefix: string;
  /** What may be given here; none where nothing is ours any more. */
  readonly options: readonly Option[];
  /** Of the options given before. */
  readonly dir: string | undefined;
  readonly lock: string | undefined;
}

/** A command line, as far as it was read. */
interface Line extends Pick<Place, "wanted" | "options" | "dir" | "lock"> {
  readonly verb: Verb | undefined;
  /** Whose value comes next. */
  readonly asking: Option | undefined;
}

/**
 * Reads a command line as commander does, by the same declarations.
 * @param words after `holdfast`; the last one is being typed, and may be empty
 */
export function placeOf(words: readonly string[], verbs: readonly Verb[]): Place {
  // bash has the `=` of `--lock=nightly` as a word of its own.
  const [before, last] = [words.slice(0, -1).filter((word) => word !== "="), words.at(-1)?.replace(/^=$/, "") ?? ""];
  const line = before.reduce((read, word) => readOn(read, word, verbs), emptyLine());
  const { asking, ...place } = line;
  if (asking !== undefined) return { ...place, wanted: valueOf(asking), typed: last, prefix: "" };
  const [name, value] = splitAssignment(last);
  const assigned = value === undefined ? undefined : findOption(line, name);
  if (assigned?.required === true) {
    return { ...place, wanted: valueOf(assigned), typed: value ?? "", prefix: `${name}=` };
  }
  const isOption = last.startsWith("-") && line.options.length > 0;
  return { ...place, wanted: isOption ? "option" : line.wanted, typed: last, prefix: "" };
}

function emptyLine(): Line {
  const options = optionsOf(undefined);
  return { verb: undefined, wanted: "command", options, asking: undefined, dir: undefined, lock: undefined };
}

function readOn(line: Line, word: string, verbs: readonly Verb[]): Line {
  const { asking, verb, options } = line;
  if (options.length === 0) return line;
  if (asking !== undefined) return withValue({ ...line, asking: undefined }, asking, word);
  if (word === "--") return { ...line, options: [], wanted: verb?.after === "words" ? "nothing" : "file" };
  const [name, value] = splitAssignment(word);
  const option = findOption(line, name);
  if (option?.required === true) {
    return value === undefined ? { ...line, asking: option } : withValue(line, option, value);
  }
  if (word.startsWith("-")) return line;
  if (verb === undefined)
    return withVerb(
      line,
      verbs.find((each) => each.name === word),
    );
  return takesCommand(verb) ? { ...line, options: [] } : { ...line, wanted: "nothing" };
}

function withVerb(line: Line, verb: Verb | undefined): Line {
  if (verb === undefined) return { ...line, options: [], wanted: "nothing" };
  return { ...line, verb, options: optionsOf(verb), wanted: operandOf(verb) };
}

function withValue(line: Line, { long }: Option, value: string): Line {
  if (long === "--dir") return { ...line, dir: value };
  return long === "--lock" ? { ...line, lock: value } : line;
}

/** What may be given behind a command, or before it. */
function optionsOf(verb: Verb | undefined): readonly Option[] {
  const command = addGlobalOptions(new Command(), true);
  if (verb === undefined) command.version("", "-V, --version", "print the version");
  else verb.declare(command);
  return command.createHelp().visibleOptions(command);
}

function findOption({ options }: Line, name: string): Option | undefined {
  return options.find(({ short, long }) => name === short || name === long);
}

function splitAssignment(word: string): readonly [name: string, value: string | undefined] {
  const at = word.startsWith("--") ? word.indexOf("=") : -1;
  return at === -1 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

function valueOf({ flags, long }: Option): Wanted {
  if (long === "--lock") return "lock";
  if (long === "--session") return "any-session";
  if (flags.includes("<signal>")) return "signal";
  return /<(?:dir|path)>/.test(flags) ? "file" : "nothing";
}

/** The id that `start` is given is a new one. */
function operandOf(verb: Verb): Wanted {
  if (takesCommand(verb)) return "file";
  if (verb.args === "[id]") return verb.name === "start" ? "nothing" : "session";
  return verb.args === "<shell>" ? "shell" : "nothing";
}

function takesCommand({ args }: Verb): boolean {
  return args === "[command...]";
}
