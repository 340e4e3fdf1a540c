import { Failure, type FailureCode } from "../failure.ts";
import type { AheadOfTurn } from "../lock/lock.ts";
import type { Context } from "../session/context.ts";
import { logClaimed } from "../session/new-session.ts";
import type { SessionWait } from "../session/place-in-line.ts";
import { pruneEnded } from "../session/prune.ts";
import type { SessionEnd } from "../session/session-end.ts";
import type { SessionInfo } from "../session/session-info.ts";
import { shellCode } from "../session/shell-code.ts";
import { takeLock, type FreshLock } from "../session/take-lock.ts";
import { spawnAgent, type Agent, type AgentSpec } from "./agent.ts";
import { CommandAhead } from "./command-ahead.ts";
import { depthIn, depthVariable, passSignal } from "./pass-signal.ts";
import { SessionKeeper, type KeptSession } from "./session-keeper.ts";
import { forwardedSignals, SignalForwarder } from "./signal-forwarder.ts";

export interface RunRequest {
  readonly wait?: SessionWait;
  /** The options as they were typed, for the hint how to wait. */
  readonly typed?: string;
  /** Wraps the time until the lock is held. */
  readonly during?: <Result>(turn: Promise<Result>) => Promise<Result>;
  /** Told as soon as the command runs, with the session as it is then. */
  readonly onRunning?: (session: SessionInfo) => void;
}

export interface Ran {
  /** The command's own exit code; 128+N when signal N ended it. */
  readonly code: number;
  readonly end: SessionEnd;
}

/**
 * Runs a command in the foreground under the lock, with this process as its keeper and its streams untouched.
 * @throws Failure `BUSY`, `AGENTS_RUNNING`, `NOT_FOUND`, `NOT_EXECUTABLE`, `RUN_TIMEOUT`, `LOCK_LOST`
 */
export async function run(context: Context, wanted: SessionInfo, request: RunRequest): Promise<Ran> {
  const command = new CommandAhead(context);
  const forwarder = new SignalForwarder(context);
  const turn = takeTurn(context, wanted, request, { command, forwarder });
  const fresh = await (request.during === undefined ? turn : request.during(turn));
  const { held, session, hold } = fresh;
  const keeper = new SessionKeeper(context, held, hold, session);
  forwarder.hold(keeper);
  let agent: Agent;
  try {
    logClaimed(context, session, held.token);
    agent = await keeper.launch(() => command.begin(session, held), false);
    // Nobody is told before the command has ended, and `ended` takes this line to the disk with it.
    keeper.published.started(agent, false);
    forwarder.begin();
    keeper.published.settle(fresh);
    request.onRunning?.(keeper.session);
  } catch (error) {
    await command.end();
    keeper.published.settle(fresh);
    await keeper.abandon(error instanceof Failure ? error : null);
    throw error;
  }
  try {
    const kept = await keeper.keep(agent);
    pruneEnded(context);
    return { code: exitCodeOf(kept, session), end: kept.end };
  } finally {
    forwarder.stop();
  }
}

interface Readied {
  readonly command: CommandAhead;
  readonly forwarder: SignalForwarder;
}

/** Takes the lock; who waits for it makes ready meanwhile what its turn will need. */
async function takeTurn(
  context: Context,
  wanted: SessionInfo,
  { wait, typed = "" }: RunRequest,
  { command, forwarder }: Readied,
): Promise<FreshLock> {
  if (wait === undefined) return takeLock(context, wanted, { verb: "run", typed });
  const onNext = (ahead: AheadOfTurn) => command.prepare(wanted, ahead);
  try {
    forwarder.listen();
    return await takeLock(context, wanted, { verb: "run", wait: { ...wait, onNext } });
  } catch (error) {
    forwarder.stop();
    await command.end();
    throw error;
  }
}

/**
 * Runs a command as it is, and passes TERM, HUP and INT on to its whole tree: for `--reentrant` inside the session that
 * holds the lock already, and for clients.
 * @throws Failure `NOT_FOUND`, `NOT_EXECUTABLE`
 */
export async function runWithoutLock(
  context: Context,
  { env, ...command }: Pick<AgentSpec, "command" | "cwd" | "env">,
): Promise<number> {
  const circle = { session: env["HOLDFAST_SESSION"], depth: depthIn(env[depthVariable]) + 1 };
  const agent = await spawnAgent({
    ...command,
    env: { ...env, [depthVariable]: String(circle.depth) },
    output: "inherit",
    descriptor: null,
    ownGroup: false,
  });
  const roots = agent.identity === null ? [] : [agent.identity];
  const pass = async (signal: NodeJS.Signals) => {
    await passSignal(await context.processes(), { groupLeader: null, roots, cookie: null, except: [] }, signal, circle);
  };
  // What kept one signal from being passed on need not keep the next one.
  for (const signal of forwardedSignals) process.on(signal, () => void pass(signal).catch(() => undefined));
  const { code, signal } = await agent.exited;
  return shellCode(code, signal);
}

function exitCodeOf({ exit, end }: KeptSession, session: SessionInfo): number {
  switch (end.reason) {
    case "max_time": {
      const ran = Number(session.max_time_ms) / 1000;
      throw cutShort("RUN_TIMEOUT", `The command ran longer than ${ran} s and was ended`, end, session);
    }
    case "idle_timeout": {
      const silent = Number(session.idle_ms) / 1000;
      throw cutShort("IDLE_TIMEOUT", `The command wrote nothing for ${silent} s and was ended`, end, session);
    }
    case "lock_lost": {
      // It may have ended by itself, before that was noticed.
      const ended = end.processes.length > 0 ? "; its processes were ended" : "";
      throw cutShort("LOCK_LOST", `The lock was lost while the command ran${ended}`, end, session);
    }
    default:
      return shellCode(exit.code, exit.signal);
  }
}

/** A command that was ended by its keeper. What it wrote is not kept; what became of its session is. */
function cutShort(code: FailureCode, message: string, { processes }: SessionEnd, { id }: SessionInfo): Failure {
  return new Failure(code, message, {
    facts: { session: id, processes },
    next: [{ does: "look back", command: `holdfast logs --session ${id}` }],
  });
}
