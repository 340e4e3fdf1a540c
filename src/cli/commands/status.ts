import { Failure } from "../../failure.ts";
import { checkState } from "../../home/state-directory.ts";
import { statusOfAllLocks } from "../../session/all-locks.ts";
import { agentOutput } from "../../session/agent-output.ts";
import type { Context } from "../../session/context.ts";
import { lookThere, onOtherLock } from "../../session/require-session.ts";
import type { SessionInfo } from "../../session/session-info.ts";
import { status, type Status } from "../../session/status.ts";
import { stop } from "../../session/stop.ts";
import { inOneLine } from "../../session/trouble.ts";
import { openCliContext, type Cli, type Exit } from "../cli.ts";
import { exitCodes } from "../exit-codes.ts";
import { usage } from "../globals.ts";
import { parseInterval } from "../interval.ts";
import type { LiveSource } from "../live/live-loop.ts";
import { openLocks } from "../open-locks.ts";
import { tailPart } from "../output-parts.ts";
import { joinCommand } from "./join.ts";

export interface StatusOptions {
  readonly all?: boolean;
  readonly check?: boolean;
  /** True: given without a duration. */
  readonly watch?: string | true;
}

/** A wrong configuration is among the problems that are shown. */
const access = { access: "read", despiteConfig: "left" } as const;

/** With `--check` the exit code answers, as LSB's `status` does. */
const checkCodes = { active: 0, wrong: 1, none: 3 } as const;

/**
 * Prints what can be told. When a lock, or a slot, cannot be told of, it exits with the number of that failure. With
 * `--check` it exits with one of `checkCodes`; with `--watch` with 0, or as the `join` that it ended in.
 */
export async function statusCommand(cli: Cli, options: StatusOptions): Exit {
  if (options.watch !== undefined) return watchStatus(cli, parseWatch(options, options.watch));
  const look = options.all === true ? lookAtAll : lookAtOne;
  if (options.check === true) return checkStatus(cli, look);
  const { hidden } = await look(cli);
  return hidden === null ? 0 : exitCodes[hidden.code];
}

/** What was shown, as far as the exit code depends on it. */
interface Shown {
  readonly locks: readonly Status[];
  readonly hidden: Failure | null;
}

async function lookAtOne(cli: Cli): Promise<Shown> {
  const context = await openCliContext(cli, access);
  const result = await status(context);
  // Of interest to a person only.
  const isAsked = result.sessions.length === 0 && !cli.globals.json;
  const elsewhere = isAsked ? await onOtherLock(context, null) : null;
  (await cli.show()).status(result, elsewhere === null ? undefined : lookThere(elsewhere));
  return { locks: [result], hidden: result.hidden };
}

/** Also those beside the one that is named, as it is for every agent by its environment. */
async function lookAtAll(cli: Cli): Promise<Shown> {
  const contexts = await openLocks({ ...cli, globals: { ...cli.globals, lock: undefined } }, access.despiteConfig);
  const result = await statusOfAllLocks(contexts);
  (await cli.show()).allLocks(result);
  return result;
}

/** What cannot be told of is wrong, whatever is the matter with it. */
async function checkStatus(cli: Cli, look: (cli: Cli) => Promise<Shown>): Exit {
  try {
    return checkCodes[judge(await look(cli))];
  } catch (error) {
    if (!(error instanceof Failure) || error.code === "USAGE") throw error;
    (await cli.show()).failure(error);
    return checkCodes.wrong;
  }
}

function judge({ locks, hidden }: Shown): keyof typeof checkCodes {
  const sessions = locks.flatMap((each) => each.sessions);
  if (hidden !== null || sessions.some(({ state }) => state === "orphaned")) return "wrong";
  return sessions.length > 0 ? "active" : "none";
}

function parseWatch({ all, check }: StatusOptions, watch: string | true): number {
  const hint = "holdfast status --help";
  if (all === true) throw usage("--watch looks at one lock: it does not go with --all", hint);
  if (check === true) throw usage("--check answers once: it does not go with --watch", hint);
  return parseInterval(watch === true ? "1s" : watch, { option: "--watch", least: "200ms", hint });
}

/** In place where a person looks at a terminal that can be drawn on; else a document for each change. */
async function watchStatus(given: Cli, everyMs: number): Exit {
  const isDrawn = given.interactive && given.env["TERM"] !== "dumb";
  const presenter = await given.show(isDrawn ? undefined : "json");
  const context = await openCliContext(given, access);
  // What is watched stays what it is, whatever appears nearer by meanwhile.
  const cli: Cli = { ...given, globals: { ...given.globals, dir: context.home.root } };
  const { LiveLoop } = await import("../live/live-loop.ts");
  const end = await new LiveLoop(await presenter.live(), liveSource(cli, context), everyMs).run();
  return end.kind === "join" ? joinCommand(cli, { follow: true }, end.session.id, null) : 0;
}

/** The parts every command has loaded are handed over: importing them there would split them off for all. */
function liveSource(cli: Cli, opened: Context): LiveSource {
  const { home } = opened;
  let context = opened;
  let state = checkState(home);
  const lookAgain = async (): Promise<Status> => {
    const before = state;
    state = checkState(home);
    // How a lock is held is decided by the file system its state is on, and that shows when it is there.
    if (before === "missing" && state === "ready") context = await openCliContext(cli, access);
    return status(context);
  };
  return {
    root: home.root,
    look: lookAgain,
    outputOf: (session, lines) => lastOutput(context, session, lines),
    stop: ({ id, uid }) => stop(context, { id, uid }),
  };
}

const mostOutputBytes = 64 * 1024;

/** That an output cannot be read hides nothing else: it says so in its own place. */
function lastOutput({ home }: Context, session: SessionInfo, lines: number): string {
  const output = agentOutput(home, session.uid);
  try {
    return tailPart(output, lines, { escapes: "none", isOver: true, maxBytes: mostOutputBytes }).text;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return inOneLine(error);
  }
}
