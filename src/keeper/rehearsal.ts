import { lstatSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "../failure.ts";
import { homeAt } from "../home/locate.ts";
import { systemClock } from "../process/clock.ts";
import { selfIdentity } from "../process/identity.ts";
import { newestPid, PidWindow } from "../process/pid-window.ts";
import { openContext, type Context } from "../session/context.ts";
import { logClaimed, newSession } from "../session/new-session.ts";
import type { Hold, SessionInfo } from "../session/session-info.ts";
import { takeLock } from "../session/take-lock.ts";
import type { Agent, AgentExit } from "./agent.ts";
import { SessionKeeper } from "./session-keeper.ts";

/** Where nothing waits for a disk. */
const sharedMemory = "/dev/shm";
const sticky = 0o1000;
const prefix = "holdfast-rehearsal-";
/** It takes milliseconds; whoever is stopped for longer does without the rest of it. */
const abandonedAfterMs = 60_000;

/**
 * Goes once through all that this process will do from its turn to the end of its session, for nothing: in a state
 * directory of its own, for a command that is none. What a process does for the first time takes it several times as
 * long as ever after, and a waiter has time now, and none then.
 * @throws whatever is in its way, which is no reason not to wait
 */
export async function rehearse(context: Context, memory = sharedMemory): Promise<void> {
  requireKept(memory);
  removeAbandoned(memory);
  const root = mkdtempSync(join(memory, `${prefix}${process.pid}-`));
  const remove = (): void => rmSync(root, { recursive: true, force: true });
  // Its turn may come meanwhile, and be over before this is.
  process.once("exit", remove);
  try {
    await goThrough(await openScratch(context, root));
  } finally {
    process.off("exit", remove);
    remove();
  }
}

/** Where others may move what is not theirs, what is removed there may be something else by then. */
function requireKept(directory: string): void {
  const { mode, uid } = statSync(directory);
  const [othersWrite, isSticky] = [(mode & 0o022) !== 0, (mode & sticky) !== 0];
  const isOurs = uid === 0 || uid === process.geteuid?.();
  if (!isOurs || (othersWrite && !isSticky)) throw new Failure("NOT_PERMITTED", `Others can move files\n${directory}`);
}

/** What waiters left that were killed just then. */
function removeAbandoned(memory: string): void {
  for (const name of readdirSync(memory).filter((each) => each.startsWith(prefix))) {
    const path = join(memory, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined || stat.uid !== process.geteuid?.()) continue;
    if (Date.now() - stat.mtimeMs < abandonedAfterMs) continue;
    rmSync(path, { recursive: true, force: true });
  }
}

function openScratch({ config, by, lock }: Context, root: string): Promise<Context> {
  const home = homeAt(root, join(root, "state"));
  return openContext({ home, config: { ...config, hooks: {} }, env: {}, lockName: lock.name, by, create: true });
}

async function goThrough(context: Context): Promise<void> {
  await leaveDead(context);
  const fresh = await takeLock(context, sessionIn(context), { verb: "run", wait: {} });
  const { held, session, hold } = fresh;
  const keeper = new SessionKeeper(context, held, hold, session);
  try {
    takeOffListener();
    logClaimed(context, session, held.token);
    const agent = nobody();
    await keeper.launch(async () => agent, false);
    keeper.published.started(agent, false);
    keeper.published.settle(fresh);
    await keeper.keep(agent);
  } catch (error) {
    // It would go on looking after its claim.
    await keeper.abandon(null);
    throw error;
  }
}

/** A holder that dies without a word: it lets go of the pulse, and its claim goes on saying that it holds the lock. */
async function leaveDead(context: Context): Promise<void> {
  const { held, session } = await takeLock(context, sessionIn(context), { verb: "run", wait: {} });
  logClaimed(context, session, held.token);
  const first = beforeNewest();
  const forks = new PidWindow(first).note(0);
  const descent = forks === null ? null : { after_pid: first, forks };
  // One that had this PID long ago: a keeper that lives would be waited for, to tell how its session ended.
  const dead = { ...selfIdentity(), started: "0" };
  held.update({ session: { ...session, agent: dead, descent }, unsettled: [] } satisfies Hold);
  await held.handTo(dead);
}

function sessionIn(context: Context): SessionInfo {
  return newSession(context, { id: null, command: ["true"], cwd: "/", mode: "foreground" });
}

/** Has ended before it began, and started nothing. */
function nobody(): Agent {
  const exit: AgentExit = { code: 0, signal: null, at: new Date() };
  return {
    pid: process.pid,
    identity: null,
    spawnedAtMs: systemClock.now(),
    sincePid: beforeNewest(),
    exited: Promise.resolve(exit),
    outputFromByte: 0,
  };
}

/** So that there is one PID to be looked at, and hardly more. */
function beforeNewest(): number {
  return (newestPid() ?? process.pid) - 1;
}

/** As who waited does with its own when it has the lock. */
function takeOffListener(): void {
  const listener = (): void => undefined;
  process.on("SIGHUP", listener);
  process.off("SIGHUP", listener);
}
