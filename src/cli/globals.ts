import { Option, type Command } from "commander";
import { Failure } from "../failure.ts";
import { excerpt } from "../home/names.ts";
import { shellWord } from "../home/shell-word.ts";

/** The options every command takes, before or after its name. */
export interface GlobalOptions {
  readonly dir: string | undefined;
  /** Undefined: none was named. */
  readonly lock: string | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Undefined: as the terminal says. */
  readonly color: boolean | undefined;
}

/** Adds the global options; only the program shows them in its help, a command takes them silently. */
export function addGlobalOptions(command: Command, shown: boolean): Command {
  const options = [
    new Option("-C, --dir <dir>", "project root (default: nearest .holdfast/ or .git upwards) [HOLDFAST_DIR]"),
    new Option("-l, --lock <name>", "which lock of the project (default: session) [HOLDFAST_LOCK]"),
    new Option("--json", "one JSON document on stdout, for failures too [HOLDFAST_JSON]"),
    new Option("-q, --quiet", "no progress, hints or warnings [HOLDFAST_QUIET]"),
    new Option(
      "--verbose",
      "tell more: whole command lines, what run does, where an error came from [HOLDFAST_VERBOSE]",
    ),
    new Option("--color", "colours even where the output is no terminal [HOLDFAST_COLOR]"),
    new Option("--no-color", "no colours"),
  ];
  for (const option of options) command.addOption(shown ? option : option.hideHelp());
  return command;
}

/** What was given after the verb, else before it, else in the environment. */
export function globalsOf(command: Command, env: NodeJS.ProcessEnv): GlobalOptions {
  const given = command.optsWithGlobals<Partial<GlobalOptions>>();
  const after = command.opts<Partial<GlobalOptions>>();
  return {
    dir: after.dir ?? given.dir,
    lock: after.lock ?? given.lock ?? (env["HOLDFAST_LOCK"] || undefined),
    json: given.json ?? flagOf("HOLDFAST_JSON", env),
    quiet: given.quiet ?? flagOf("HOLDFAST_QUIET", env),
    verbose: given.verbose ?? flagOf("HOLDFAST_VERBOSE", env),
    color: after.color ?? given.color ?? colorFromEnvironment(env),
  };
}

/**
 * NO_COLOR (no-color.org) and FORCE_COLOR as elsewhere; HOLDFAST_COLOR beats both, unless it is `auto`.
 * @throws Failure `USAGE` for what no HOLDFAST_COLOR is
 */
function colorFromEnvironment(env: NodeJS.ProcessEnv): boolean | undefined {
  const own = env["HOLDFAST_COLOR"];
  if (isOneOf(["always", ...truthy], own)) return true;
  if (own && isOneOf(["never", ...falsy], own)) return false;
  if (own && !isOneOf(["auto"], own))
    throw usage(`HOLDFAST_COLOR: expected always, never or auto, got "${excerpt(own)}"`);
  if (env["NO_COLOR"]) return false;
  if (env["FORCE_COLOR"] !== undefined) return isTruthy(env["FORCE_COLOR"]) || env["FORCE_COLOR"] === "";
  return undefined;
}

/** Whether this command line wants JSON, known before it is parsed: a usage error must come as JSON too. */
export function wantsJson(argv: readonly string[], env: NodeJS.ProcessEnv): boolean {
  const end = argv.indexOf("--");
  return (end === -1 ? argv : argv.slice(0, end)).includes("--json") || isOneOf(truthy, env["HOLDFAST_JSON"]);
}

const truthy = ["1", "true", "yes", "on"];
const falsy = ["", "0", "false", "no", "off"];

/** @throws Failure `USAGE` for what is neither yes nor no */
function flagOf(name: string, env: NodeJS.ProcessEnv): boolean {
  const value = env[name];
  if (isOneOf(truthy, value)) return true;
  if (value === undefined || isOneOf(falsy, value)) return false;
  throw usage(`${name}: expected 1, true, yes, on, 0, false, no or off, got "${excerpt(value)}"`);
}

/** Of a variable that others set, too, with words of their own. */
function isTruthy(value: string | undefined): boolean {
  return value !== undefined && !isOneOf(falsy, value);
}

function isOneOf(words: readonly string[], value: string | undefined): boolean {
  return value !== undefined && words.includes(value.toLowerCase());
}

/** How to call holdfast again on the same project and lock, from any shell: `holdfast --lock nightly`. */
export function invocationOf({ dir, lock }: GlobalOptions): string {
  const words = ["holdfast"];
  if (dir !== undefined) words.push("-C", shellWord(dir));
  if (lock !== undefined) words.push("--lock", shellWord(lock));
  return words.join(" ");
}

/** A misuse that says by itself what is expected, and not where to read on, as that of a duration or an id does. */
export function withHelp(error: unknown, verb: string): unknown {
  if (!(error instanceof Failure) || error.code !== "USAGE" || error.next.length > 0) return error;
  const { message, facts, retryable, cause } = error;
  return new Failure("USAGE", message, { facts, retryable, cause, next: usage("", `holdfast ${verb} --help`).next });
}

/** @param hint where to read on; null: in the help of the command, whichever it is (`withHelp`) */
export function usage(message: string, hint: string | null = "holdfast --help"): Failure {
  return new Failure("USAGE", message, hint === null ? {} : { next: [{ does: "see", command: hint }] });
}
