import { Option } from "commander";
import type { Exit } from "./cli.ts";
import type { CleanupOptions } from "./commands/cleanup.ts";
import type { JoinOptions } from "./commands/join.ts";
import type { LeaveOptions } from "./commands/leave.ts";
import type { ListOptions } from "./commands/list.ts";
import type { LogsOptions } from "./commands/logs-options.ts";
import type { RunOptions } from "./commands/run.ts";
import type { StartOptions } from "./commands/start.ts";
import type { StatsOptions } from "./commands/stats.ts";
import type { StatusOptions } from "./commands/status.ts";
import type { StopOptions } from "./commands/stop.ts";
import type { WaitOptions } from "./commands/wait.ts";
import type { WatchOptions } from "./commands/watch.ts";
import type { Call, Verb } from "./verb.ts";

/** Loaded when a command line is understood: `--help` and usage errors do without. */
const commands = async () => (await import("./commands.ts")).commands;

/** Gives a command's options their type: commander fills them in as declared beside. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- it is given, not inferred
function verb<Options>(
  declared: Omit<Verb, "run"> & { readonly run: (call: Omit<Call, "options"> & { readonly options: Options }) => Exit },
): Verb {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `declare` is what makes them these options
  return { ...declared, run: (call) => declared.run({ ...call, options: call.options as Options }) };
}

/** Every command, in the order in which help lists them. */
export const verbs: readonly Verb[] = [
  verb<StartOptions>({
    name: "start",
    args: "[id]",
    summary: "start the agent in the background under the lock: holdfast start demo -- node server.js",
    acts: true,
    after: "command",
    declare: (command) =>
      command
        .addOption(stopSignal())
        .addOption(killAfter())
        .option("--or-join", "an active session with the same command is success, once it is ready")
        .option("-w, --wait <duration>", "wait this long for the lock")
        .addOption(slots())
        .option("--queue", "return at once and wait in the background; with --wait, at most that long")
        .option("--ready-output <regex>", "return when the output shows this")
        .option("--ready-port <n>", "return when this TCP port of the machine accepts connections")
        .option("--ready-command <string>", "return when this shell command succeeds")
        .option("--ready-timeout <duration>", "end the agent when it is not ready by then (60s)")
        .option("--launcher", "the command starts the agent in the background and returns")
        .option("--pid-file <path>", "with --launcher: the file in which the agent's PID is found")
        .option("--stop-command <string>", "a shell command that asks the agent to end, before the stop signal")
        .option("--max-time <duration>", "end the session after this long; 0: no limit")
        .option("--idle-timeout <duration>", "end it when it is silent this long: no output and no client; 0: no limit")
        .option("--max-output <size>", "keep about so much of its output, the newest: 64KB, 1GB, none (100MB)")
        .option("--restart <policy>", "start the agent again when it ended: no (default), on-failure or always")
        .option("--max-restarts <n>", "at most so often; without it there is no limit")
        .option("-o, --close", "what the agent leaves in the background neither holds the lock nor is ended with it")
        .option("--tmux", "run the agent in a tmux session, which join attaches to")
        .option("--owner <name>", "whose session it is; others need --force to stop it [HOLDFAST_OWNER]")
        .option("--note <text>", "a note for whoever looks")
        .option("--force", "start although agent processes already run"),
    run: async ({ cli, options, args, operands, typed }) =>
      (await commands()).start(cli, { ...options, typed }, args[0], operands),
  }),
  verb<RunOptions>({
    name: "run",
    args: "[command...]",
    summary: "run a command in the foreground under the lock, waiting for its turn",
    declare: (command) =>
      command
        .passThroughOptions()
        .option("-n, --nonblock", "do not wait for the lock")
        .option("-w, --wait <duration>", "wait at most this long for the lock; 0 means do not wait")
        .addOption(slots())
        .option("-E, --conflict-exit-code <n>", "exit with this instead of 75 when the lock cannot be had")
        .option("-o, --close", "background children neither hold the lock nor are ended with it")
        .option("-c, --shell <string>", "a command line for $SHELL")
        .option("--timeout <duration>", "end the command after this long (exit 124); 0: no limit")
        .option("--idle-timeout <duration>", "end it when it writes nothing for this long (exit 124); 0: no limit")
        .option("-s, --signal <signal>", "the signal that ends it (default: TERM)")
        .addOption(killAfter())
        .option("--reentrant", "inside its own session, simply run the command")
        .option("--id <id>", "the session's id")
        .option("--owner <name>", "whose session it is [HOLDFAST_OWNER]")
        .option("--note <text>", "a note for whoever looks"),
    run: async ({ cli, options, args, typed }) => (await commands()).run(cli, { ...options, typed }, args),
  }),
  verb<JoinOptions>({
    name: "join",
    args: "[id]",
    summary: "join the active session; with -- COMMAND, run a command as its client",
    acts: true,
    after: "command",
    declare: (command) =>
      command
        .option("--no-follow", "register the calling process and return")
        .option("--pid <pid>", "register this process instead of the caller")
        .option("--as <name>", "the client's name [HOLDFAST_AS]")
        .option("--read-only", "in tmux: look, and type nothing")
        .option("--send <text>", "in tmux: type this and Return, as its user would, and return")
        .option("--ready", "wait until the session is ready before anything else")
        .option("--timeout <duration>", "with --ready: give up after this long (exit 75)"),
    run: async ({ cli, options, args, operands }) => (await commands()).join(cli, options, args[0], operands),
  }),
  verb<LeaveOptions>({
    name: "leave",
    args: "[id]",
    summary: "end the calling process's registration as a client",
    acts: true,
    declare: (command) =>
      command.option("--pid <pid>", "this process's instead").option("--as <name>", "all clients of this name instead"),
    run: async ({ cli, options, args }) => (await commands()).leave(cli, options, args[0]),
  }),
  verb<StopOptions>({
    name: "stop",
    args: "[id]",
    summary: "end the active session and everything it started",
    acts: true,
    declare: (command) =>
      command
        .addOption(killAfter("as the session was started with"))
        .option("-s, --signal <signal>", "the signal to begin with")
        .option("--reason <text>", "why, for the log")
        .option("--force", "another owner's session too (its id is required)"),
    run: async ({ cli, options, args }) => (await commands()).stop(cli, options, args[0]),
  }),
  verb<CleanupOptions>({
    name: "cleanup",
    args: "",
    summary: "end everything here: session, orphans, strays, waiters; remove locks and leftovers",
    declare: (command) =>
      command
        .option("--dry-run", "show the plan, do nothing")
        .option("--orphans", "only sessions whose keeper is dead")
        .option("--idle [duration]", "only sessions of start without client and activity for this long (24h)")
        .option("--ended [duration]", "only forget sessions that ended longer ago than this (1h)")
        .option("--damaged", "only what cannot be read: damaged claims, and records of ended sessions")
        .option("--match <glob>", "only sessions whose id matches")
        .option("--force", "what belongs to another owner too"),
    run: async ({ cli, options }) => (await commands()).cleanup(cli, options),
  }),
  verb<WatchOptions>({
    name: "watch",
    args: "",
    summary: "clean up again and again: end orphans and sessions idle past their limit, forget what retention says",
    declare: (command) =>
      command
        .option("--interval <duration>", "how long after a sweep the next one begins", "60s")
        .option("--once", "one sweep, then exit: 1 when something could not be done")
        .option("--reap", "end sessions whose keeper is dead (default)")
        .option("--no-reap", "only name them"),
    run: async ({ cli, options }) => (await commands()).watch(cli, options),
  }),
  verb<StatusOptions>({
    name: "status",
    args: "",
    summary: "who holds the lock, with which processes, clients and queue",
    declare: (command) =>
      command
        .option("--check", "exit 0 active, 1 orphaned or not readable, 3 no session")
        .option("--all", "every lock of this directory")
        .option("--watch [duration]", "look again so often (1s), in place; piped: one JSON line for each change"),
    run: async ({ cli, options }) => (await commands()).status(cli, options),
  }),
  verb<ListOptions>({
    name: "list",
    args: "",
    summary: "sessions that wait, run, or have ended lately, on every lock here",
    declare: (command) =>
      command
        .option("--everywhere", "of every directory in which sessions of yours live, too")
        .option("--ended", "only ended ones, whatever their age; -n says how many")
        .option("-n, --count <n>", "how many ended ones of a directory", "20"),
    run: async ({ cli, options }) => (await commands()).list(cli, options),
  }),
  verb<StatsOptions>({
    name: "stats",
    args: "",
    summary: "sessions a day, how long they lasted and how they ended, from the event log",
    declare: (command) =>
      command
        .option("--days <n>", "how many days, today included", "7")
        .option("--max-orphans <n>", "exit 1 when more sessions than this are orphaned now"),
    run: async ({ cli, options }) => (await commands()).stats(cli, options),
  }),
  verb<LogsOptions>({
    name: "logs",
    args: "",
    summary: "the event log, or the agent's output",
    declare: (command) =>
      command
        .option("-n, --lines <n>", "how many lines (20); not with --cursor and --max-bytes")
        .option("-f, --follow", "go on as more come")
        .option("--since <time>", "from this time on: ISO, or a duration ago")
        .option("--until <time>", "up to this time; not with --follow")
        .option("--session <id>", "only of this session")
        .option("--event <kind>", "only of this kind, or these: started,ended")
        .option("-o, --output", "the agent's output instead")
        .option("--raw", "with --output: keep terminal escapes")
        .option("--cursor <n>", "with --output: read on from this byte")
        .option("--max-bytes <n>", "with --output: at most this much"),
    run: async ({ cli, options }) => (await commands()).logs(cli, options),
  }),
  verb<WaitOptions>({
    name: "wait",
    args: "[id]",
    summary: "wait for the session, then exit with its code",
    declare: (command) =>
      command
        .option("--until <what>", "ended, ready, free, or output=REGEX", "ended")
        .option("--cursor <n>", "with output=: search from this byte on; next_cursor says where to resume")
        .option("--timeout <duration>", "give up after this long (exit 75)"),
    run: async ({ cli, options, args }) => (await commands()).wait(cli, options, args[0]),
  }),
  // What these need, no other command does: each is a file of its own.
  {
    name: "init",
    args: "",
    summary: "write holdfast.json with every key explained; with -- COMMAND, that is what start runs",
    acts: true,
    after: "command",
    declare: (command) => command,
    run: async ({ cli, operands }) => (await import("./commands/init.ts")).initCommand(cli, operands),
  },
  {
    name: "doctor",
    args: "",
    summary: "try what holdfast needs here: pulse, file system, processes, configuration, a lock",
    declare: (command) => command,
    run: async ({ cli }) => (await import("./commands/doctor.ts")).doctorCommand(cli),
  },
  {
    name: "completion",
    args: "<shell>",
    summary: "print a script that completes commands, options and names in bash, zsh or fish",
    after: "words",
    declare: (command) => command.addHelpText("after", `\n${howToComplete}`),
    run: async ({ cli, args, operands }) =>
      (await import("./commands/completion.ts")).completionCommand(cli, verbs, args[0], operands),
  },
];

const howToComplete = `Have your shell read it when it starts:
  ~/.bashrc                    eval "$(holdfast completion bash)"
  ~/.zshrc, behind compinit    eval "$(holdfast completion zsh)"
  ~/.config/fish/config.fish   holdfast completion fish | source`;

function killAfter(byDefault = "10s"): Option {
  return new Option("-k, --kill-after <duration>", `SIGKILL what is left after this long (default: ${byDefault})`);
}

function slots(): Option {
  return new Option("--slots <n>", "let n sessions hold the lock at once; all who want it must say the same n (1)");
}

function stopSignal(): Option {
  return new Option("-s, --stop-signal <signal>", "the signal that ends the agent (default: TERM)");
}
