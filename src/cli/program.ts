import { Command, CommanderError } from "commander";
import type { Cli, Exit } from "./cli.ts";
import { UnwrittenAnswer } from "./present/output-stream.ts";
import { addGlobalOptions, globalsOf, usage, withHelp, wantsJson, type GlobalOptions } from "./globals.ts";
import { refuseLostBytes } from "./lost-bytes.ts";
import { typedOptions } from "./typed-options.ts";
import type { Verb } from "./verb.ts";
import { verbs } from "./verbs.ts";

/** What `main` gives the program. */
export interface ProgramOptions {
  readonly version: string;
  /** Makes what a command is called with, once its global options are known. */
  readonly open: (globals: GlobalOptions) => Cli;
  readonly env: NodeJS.ProcessEnv;
  /** Help and version text. */
  readonly print: (text: string) => void;
}

/**
 * Runs one command line.
 * @param argv without the program's own name
 * @returns what to exit with
 * @throws Failure, `USAGE` for a command line that cannot be understood
 */
export async function runProgram(argv: readonly string[], options: ProgramOptions): Exit {
  if (argv.length === 0) throw usage(`Which command? One of: ${verbs.map(({ name }) => name).join(", ")}`);
  refuseLostBytes(argv);
  const { words, operands } = splitOperands(argv);
  let exit: Exit = Promise.resolve(0);
  let said = "";
  const says = (text: string): void => void (said += text);
  const program = declare({ ...options, print: says }, words, operands, (result) => {
    exit = result;
  });
  try {
    await program.parseAsync(asOptions(words), { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) {
      options.print(wantsJson(words, options.env) ? asDocument(said, error.code) : said);
      return 0;
    }
    const verb = verbIn(words) ?? "";
    throw usage(inOurWords(error, verb), isVerb(verb) ? `holdfast ${verb} --help` : undefined);
  }
  return exit;
}

/**
 * `version`, `help` and `help VERB` as the options that say the same. Of a verb that there is not, there is no help: it is
 * refused, and not answered with another one's.
 */
function asOptions(words: readonly string[]): readonly string[] {
  const [verb, topic = "help"] = words.filter(isOperand);
  if (verb === "version") return ["--version"];
  if (verb === "help") return topic === "help" ? ["--help"] : helpOn(topic);
  const asksForHelp = words.includes("--help") || words.includes("-h");
  return verb !== undefined && asksForHelp && !isVerb(verb) ? helpOn(verb) : words;
}

function helpOn(topic: string): readonly string[] {
  return isVerb(topic) ? [topic, "--help"] : [topic];
}

function isVerb(word: string): boolean {
  return verbs.some(({ name }) => name === word);
}

/** commander's message as a sentence; for global options without a command it only prints its help. */
function inOurWords(error: CommanderError, verb: string): string {
  if (error.code === "commander.help") return "Which command? See holdfast --help";
  if (error.code === "commander.excessArguments") {
    return `Too many arguments${whatFollowsDashes(verb) === "command" ? ". A command to run goes after --" : ""}`;
  }
  return error.message.replace(/^error: /, "").replace(/^./, (first) => first.toUpperCase());
}

/**
 * What follows the first `--` is the command of `start`, `join` and `init`, an id never. `run` stops at its first operand by
 * itself, so that a `--` of the command's own stays the command's.
 */
function splitOperands(argv: readonly string[]): { words: string[]; operands: string[] | null } {
  const dashes = argv.indexOf("--");
  if (dashes === -1 || whatFollowsDashes(verbIn(argv.slice(0, dashes))) === undefined) {
    return { words: [...argv], operands: null };
  }
  return { words: argv.slice(0, dashes), operands: argv.slice(dashes + 1) };
}

function verbIn(words: readonly string[]): string | undefined {
  return words.find(isOperand);
}

/** Whether a word is no option, nor an option's value: a lock may be called `run`. */
function isOperand(word: string, index: number, words: readonly string[]): boolean {
  return !word.startsWith("-") && !wantsValue.test(words[index - 1] ?? "");
}

/** The global options whose value is the next word, also behind others in one word: `-qC DIR`. */
const wantsValue = /^(?:--dir|--lock|-q*[Cl])$/;

function whatFollowsDashes(verb: string | undefined): Verb["after"] {
  return verbs.find(({ name }) => name === verb)?.after;
}

/** Declares the program: the command that is called, or all of them where help or a suggestion needs them. */
function declare(
  options: ProgramOptions,
  words: readonly string[],
  operands: readonly string[] | null,
  perform: (result: Exit) => void,
): Command {
  const program = new Command("holdfast")
    .description(
      "One session at a time: whoever starts first holds the lock; everyone else joins, waits or is told who holds it.",
    )
    .version(options.version, "-V, --version", "print the version")
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: options.print, writeErr: () => undefined })
    .configureHelp({ sortOptions: false })
    .showSuggestionAfterError(true);
  addGlobalOptions(program, true);
  const called = verbIn(words);
  const named = verbs.filter(({ name }) => name === called);
  for (const { name, args, summary, after, acts = false, declare: declareOptions, run } of named.length > 0
    ? named
    : verbs) {
    const command = program
      .command(`${name} ${args}`)
      .description(summary)
      .addHelpText("after", "\nOptions of every command (-C, -l, --json, -q and more): holdfast --help")
      .allowExcessArguments(false);
    if (after === "command")
      command.usage(["[options]", args, "[-- command...]"].filter((part) => part !== "").join(" "));
    declareOptions(addGlobalOptions(command, false)).action(async () => {
      const cli = options.open(globalsOf(command, options.env));
      const call = { cli, options: command.opts(), args: command.args, operands, typed: typedOptions(command) };
      const result = run(call).catch((error: unknown) => {
        throw error instanceof UnwrittenAnswer ? new UnwrittenAnswer(error.errno, acts) : withHelp(error, name);
      });
      perform(result);
      await result;
    });
  }
  return program;
}

/** What `--version` and `--help` print: like any answer it is a JSON document with `--json`. */
function asDocument(text: string, code: string): string {
  const answer = code === "commander.version" ? { version: text.trim() } : { help: text };
  return `${JSON.stringify({ schema_version: 1, ok: true, ...answer })}\n`;
}
