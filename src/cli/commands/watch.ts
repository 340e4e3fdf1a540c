import { errorText, Failure } from "../../failure.ts";
import { checkState } from "../../home/state-directory.ts";
import { systemClock } from "../../process/clock.ts";
import type { CleanupAction } from "../../session/cleanup-action.ts";
import { lockNames } from "../../session/lock-names.ts";
import type { Silence } from "../../session/silence.ts";
import { sweep, type SweepOptions } from "../../session/sweep.ts";
import { openCliContext, type Cli, type Exit } from "../cli.ts";
import { parseInterval } from "../interval.ts";

export interface WatchOptions {
  readonly interval: string;
  readonly once?: boolean;
  /** Absent: neither `--reap` nor `--no-reap` was given. */
  readonly reap?: boolean;
}

/** What the last sweep of each lock found. */
type Found = Map<string, readonly CleanupAction[]>;

/**
 * Sweeps until SIGINT or SIGTERM, and exits with 0 then; a sweep that is impossible is said on stderr, and the next one
 * comes all the same. With `--once` it exits with 1 when something could not be done.
 */
export async function watchCommand(given: Cli, options: WatchOptions): Exit {
  const everyMs = parseInterval(options.interval, { option: "--interval", least: null, hint: "holdfast watch --help" });
  const { home } = await openCliContext(given, { access: "read" });
  // What is watched stays what it is, whatever appears nearer by meanwhile.
  const cli: Cli = { ...given, globals: { ...given.globals, dir: home.root } };
  // Who runs `watch` asks for cleaning: no setting is needed.
  const reapOrphans = options.reap !== false;
  const presenter = await cli.show();
  if (options.once === true) {
    const actions = await sweepAll(cli, new Map(), { reapOrphans });
    presenter.cleaned(actions, false);
    return actions.some(({ result }) => result === "failed") ? 1 : 0;
  }
  const signal = untilSignalled();
  const onAction = (action: CleanupAction) => presenter.swept(action);
  const found: Found = new Map();
  const silences = new Map<string, Silence>();
  let lastProblem = "";
  presenter.note(`watching ${home.state} every ${everyMs / 1000}s`);
  while (!signal.aborted) {
    const problem = await problemOf(sweepAll(cli, found, { reapOrphans, silences, onAction, signal }));
    // What goes wrong each time is said once.
    if (problem !== "" && problem !== lastProblem) presenter.note(problem);
    lastProblem = problem;
    await systemClock.sleep(everyMs, signal);
  }
  return 0;
}

/** Sweeps all locks, or the one that is named, side by side: one that takes its time does not hold up the others. */
async function sweepAll(given: Cli, found: Found, options: Omit<SweepOptions, "before">): Promise<CleanupAction[]> {
  // The hooks of one sweep are over before the next one begins: they are called in the order of what happened.
  const hooks: (() => Promise<void>)[] = [];
  const cli: Cli = { ...given, beforeExit: (task) => void hooks.push(task) };
  const { home, lock } = await openCliContext(cli, { access: "read" });
  if (checkState(home) === "missing") return [];
  const names = cli.globals.lock === undefined ? lockNames(home) : [lock.name];
  // Opened before the first sweep begins: what fails here must not leave one running that the next would meet.
  const contexts = await Promise.all(names.map((name) => openCliContext(cli, { access: "read", lock: name })));
  const swept = contexts.map(async (context) => {
    const { name } = context.lock;
    const actions = await sweep(context, { ...options, before: found.get(name) ?? [] });
    found.set(name, actions);
    return actions;
  });
  try {
    return (await Promise.all(swept)).flat();
  } finally {
    await Promise.all(hooks.map((settled) => settled()));
  }
}

/** What made a sweep impossible, in words; empty when nothing did. */
async function problemOf(sweeping: Promise<unknown>): Promise<string> {
  try {
    await sweeping;
    return "";
  } catch (error) {
    if (error instanceof Failure) return errorText(error);
    throw error;
  }
}

/** Fires at the first SIGINT or SIGTERM; a second one ends this process wherever it is. */
function untilSignalled(): AbortSignal {
  const ending = new AbortController();
  const signals = ["SIGINT", "SIGTERM"] as const;
  const end = (): void => {
    for (const signal of signals) process.removeListener(signal, end);
    ending.abort();
  };
  for (const signal of signals) process.on(signal, end);
  return ending.signal;
}
