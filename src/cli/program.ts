import { Command, CommanderError, Option, type OptionValues } from "commander";
import type { Cli, Exit } from "./cli.ts";
import type { CleanupOptions } from "./commands/cleanup.ts";
import type { JoinOptions } from "./commands/join.ts";
import type { LeaveOptions } from "./commands/leave.ts";
import type { LogsOptions } from "./commands/logs.ts";
import type { RunOptions } from "./commands/run.ts";
import type { StartOptions } from "./commands/start.ts";
import type { StatusOptions } from "./commands/status.ts";
import type { StopOptions } from "./commands/stop.ts";
import type { WaitOptions } from "./commands/wait.ts";
import { addGlobalOptions, globalsOf, usage, type GlobalOptions } from "./globals.ts";

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
  if (argv.length === 0) throw usage("Which command? start, run, join, leave, stop, status, cleanup, logs or wait");
  const { words, operands } = splitOperands(argv);
  let exit: Exit = Promise.resolve(0);
  const program = declare(options, operands, (result) => {
    exit = result;
    return result;
  });
  try {
    await program.parseAsync(words, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    throw usage(inOurWords(error));
  }
  return exit;
}

/** commander's message as a sentence; for global options without a command it only prints its help. */
function inOurWords(error: CommanderError): string {
  if (error.code === "commander.help") return "Which command? See holdfast --help";
  if (error.code === "commander.excessArguments") return "Too many arguments. A command to run goes after --";
  return error.message.replace(/^error: /, "").replace(/^./, (first) => first.toUpperCase());
}

/**
 * What follows the first `--` is the command of `start` and `join`, an id never. `run` stops at its first operand by
 * itself, so that a `--` of the command's own stays the command's.
 */
function splitOperands(argv: readonly string[]): { words: string[]; operands: string[] | null } {
  const dashes = argv.indexOf("--");
  const verb = argv.find((word) => commandsWithOperands.has(word) || word === "run");
  if (dashes === -1 || verb === undefined || verb === "run" || argv.indexOf(verb) > dashes) {
    return { words: [...argv], operands: null };
  }
  return { words: argv.slice(0, dashes), operands: argv.slice(dashes + 1) };
}

const commandsWithOperands: ReadonlySet<string> = new Set(["start", "join"]);

function declare(options: ProgramOptions, operands: string[] | null, perform: (result: Exit) => Exit): Command {
  const program = new Command("holdfast")
    .description("One session at a time: whoever starts first holds the lock; everyone else joins, waits or is told who holds it.")
    .version(options.version, "-V, --version", "print the version")
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: options.print, writeErr: () => undefined })
    .configureHelp({ sortOptions: false, showGlobalOptions: false })
    .showSuggestionAfterError(true);
  addGlobalOptions(program, true);
  const command = (nameAndArguments: string, summary: string) =>
    addGlobalOptions(program.command(nameAndArguments).description(summary).allowExcessArguments(false), false);
  const call = <Options extends OptionValues>(run: (cli: Cli, options: Options, args: string[]) => Exit) =>
    async function (this: Command): Promise<void> {
      const globals = globalsOf(this, options.env);
      await perform(run(options.open(globals), this.opts<Options>(), this.args));
    };
  declareSessionCommands(command, call, operands);
  declareLookingCommands(command, call);
  return program;
}

/** Loaded when a command line is understood: `--help` and usage errors do without. */
const commands = async () => (await import("./commands.ts")).commands;

type Declare = (nameAndArguments: string, summary: string) => Command;
type Call = <Options extends OptionValues>(run: (cli: Cli, options: Options, args: string[]) => Exit) => (this: Command) => Promise<void>;

function declareSessionCommands(command: Declare, call: Call, operands: string[] | null): void {
  command("start [id]", "start the agent in the background under the lock: holdfast start demo -- node server.js")
    .addOption(stopSignal())
    .addOption(killAfter())
    .option("--or-join", "an active session with the same command is success")
    .option("-w, --wait <duration>", "wait this long for the lock")
    .option("--max-time <duration>", "end the session after this long")
    .option("-o, --close", "what the agent leaves in the background neither holds the lock nor is ended with it")
    .option("--owner <name>", "whose session it is; others need --force to stop it [HOLDFAST_OWNER]")
    .option("--note <text>", "a note for whoever looks")
    .option("--force", "start although agent processes already run")
    .action(
      call<StartOptions>(async (cli, options, args) =>
        (await commands()).start(cli, options, args[0], operands),
      ),
    );
  command("run [command...]", "run a command in the foreground under the lock, waiting for its turn")
    .passThroughOptions()
    .option("-n, --nonblock", "do not wait for the lock")
    .option("-w, --wait <duration>", "wait at most this long for the lock; 0 means do not wait")
    .option("-E, --conflict-exit-code <n>", "exit with this instead of 75 when the lock cannot be had")
    .option("-o, --close", "background children neither hold the lock nor are ended with it")
    .option("-c, --shell <string>", "a command line for $SHELL")
    .option("--timeout <duration>", "end the command after this long (exit 124)")
    .option("-s, --signal <signal>", "the signal that ends it (default: TERM)")
    .addOption(killAfter())
    .option("--reentrant", "inside its own session, simply run the command")
    .option("--id <id>", "the session's id")
    .option("--owner <name>", "whose session it is [HOLDFAST_OWNER]")
    .option("--note <text>", "a note for whoever looks")
    .action(call<RunOptions>(async (cli, options, args) => (await commands()).run(cli, options, args)));
  command("join [id]", "join the active session; with -- COMMAND, run a command as its client")
    .option("--no-follow", "register the calling process and return")
    .option("--pid <pid>", "register this process instead of the caller")
    .option("--as <name>", "the client's name [HOLDFAST_AS]")
    .action(
      call<JoinOptions>(async (cli, options, args) =>
        (await commands()).join(cli, options, args[0], operands),
      ),
    );
  command("leave [id]", "end the calling process's registration as a client")
    .option("--pid <pid>", "this process's instead")
    .option("--as <name>", "the client of this name instead")
    .action(call<LeaveOptions>(async (cli, options, args) => (await commands()).leave(cli, options, args[0])));
  command("stop [id]", "end the active session and everything it started")
    .addOption(killAfter())
    .option("-s, --signal <signal>", "the signal to begin with")
    .option("--reason <text>", "why, for the log")
    .option("--force", "another owner's session too (its id is required)")
    .action(call<StopOptions>(async (cli, options, args) => (await commands()).stop(cli, options, args[0])));
  command("cleanup", "end everything here: session, orphans, strays, waiters; remove locks and leftovers")
    .option("--dry-run", "show the plan, do nothing")
    .option("--orphans", "only sessions whose keeper is dead")
    .option("--idle [duration]", "only sessions without client and activity for this long (24h)")
    .option("--ended [duration]", "only forget sessions that ended longer ago than this (1h)")
    .option("--match <glob>", "only sessions whose id matches")
    .action(call<CleanupOptions>(async (cli, options) => (await commands()).cleanup(cli, options)));
}

function declareLookingCommands(command: Declare, call: Call): void {
  command("status", "who holds the lock, with which processes, clients and queue")
    .option("--check", "exit 0 active, 1 stale or orphaned, 3 no session")
    .action(call<StatusOptions>(async (cli, options) => (await commands()).status(cli, options)));
  command("logs", "the event log, or the agent's output")
    .option("-n, --lines <n>", "how many lines", "20")
    .option("-f, --follow", "go on as more come")
    .option("--since <time>", "from this time on: ISO, or a duration ago")
    .option("--until <time>", "up to this time")
    .option("--session <id>", "only of this session")
    .option("--event <kind>", "only of this kind")
    .option("-o, --output", "the agent's output instead")
    .option("--raw", "with --output: keep terminal escapes")
    .option("--cursor <n>", "with --output: read on from this byte")
    .option("--max-bytes <n>", "with --output: at most this much")
    .action(call<LogsOptions>(async (cli, options) => (await commands()).logs(cli, options)));
  command("wait [id]", "wait for the session, then exit with its code")
    .addOption(new Option("--until <what>", "what to wait for").choices(["ended", "ready", "free"]).default("ended"))
    .option("--timeout <duration>", "give up after this long (exit 75)")
    .action(call<WaitOptions>(async (cli, options, args) => (await commands()).wait(cli, options, args[0])));
}

function killAfter(): Option {
  return new Option("-k, --kill-after <duration>", "SIGKILL what is left after this long (default: 10s)");
}

function stopSignal(): Option {
  return new Option("-s, --stop-signal <signal>", "the signal that ends the agent (default: TERM)");
}
