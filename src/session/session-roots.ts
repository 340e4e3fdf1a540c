import { statSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "../home/locate.ts";
import type { JudgedClaim } from "../lock/claim-directory.ts";
import type { Lock } from "../lock/lock.ts";
import { knownFile, knownFileOfOneName } from "../process/known-file.ts";
import { whereaboutsOf, type ProcessIdentity } from "../process/identity.ts";
import type { ProcessTable } from "../process/table.ts";
import { findFamily, type Family } from "../process/tree.ts";
import type { TreeRoots } from "../process/tree-roots.ts";
import { sessionFiles } from "./session-files.ts";
import type { SessionInfo } from "./session-info.ts";

/** What makes a process belong to this session, for its own keeper: it knows its agent. */
export function rootsOf(session: SessionInfo): TreeRoots {
  const first = firstOf(session);
  return {
    groupLeader: groupLeaderOf(session),
    roots: session.agent === null ? [] : [session.agent],
    cookie: session.uid,
    except: [process.pid],
    ...(first === null ? {} : { notBefore: first }),
  };
}

/** Who made the group that its processes are in. An agent that leads none is in that of its launcher, if it has one. */
export function groupLeaderOf({ leads_group: leadsGroup, agent, launcher }: SessionInfo): ProcessIdentity | null {
  return leadsGroup ? agent : (launcher?.process ?? null);
}

/** What is older than the first agent, or who launched it, cannot be its child: nor need that be looked into. */
function firstOf({ agent, launcher, tmux, restarts }: SessionInfo): ProcessIdentity | null {
  if (restarts > 0) return null;
  // The tmux server is older than its agent; than the one before it is not, if it was killed and started anew.
  return tmux === null ? (launcher?.process ?? agent) : tmux.server;
}

/**
 * What makes a process belong to this session, for everybody else, who knows it from a claim: the agent it names has to
 * prove itself (docs/decisions/0018).
 * @param claim the session's own, as long as it holds the lock; null: it has lost it, and nobody has its descriptor
 */
function claimedRootsOf(home: Home, session: SessionInfo, claim: JudgedClaim | null): TreeRoots {
  if (isCopied(home, session)) return nobody;
  const output = knownFileOfOneName(sessionFiles(home, session.uid).output);
  const held = claim === null ? null : knownFile(claim.path);
  // Under a lease nothing is inherited.
  const isInherited = held !== null && claim?.record.pulse.kind === "kernel";
  const keeper = claim === null || claim.owner === "dead" ? null : { process: claim.record.owner, claim: held };
  return {
    ...rootsOf(session),
    roots: [],
    named: session.agent === null ? null : { agent: session.agent, files: output === null ? [] : [output] },
    inherited: isInherited ? [held] : [],
    keeper,
    except: keeper === null ? [process.pid] : [process.pid, keeper.process.pid],
  };
}

/** The claim by which this session holds the lock, live or orphaned; null when it does not. */
export async function claimOf(lock: Lock, { slot, token }: SessionInfo): Promise<JudgedClaim | null> {
  const { holder } = await lock.at(slot).look();
  return holder !== null && holder.number === token ? holder : null;
}

/** A claimed session's processes. */
export interface ClaimedFamily extends Family {
  /** Why those that are not to be signalled are not. */
  readonly doubt: "not_proven" | "out_of_reach";
}

/**
 * Looks for a session's processes by what its claim says. Of a session in another PID namespace some may be seen from
 * here, by their cookie: nobody starts beside them, and they are left to those who are there.
 * @param claim see `claimedRootsOf`
 */
export async function findClaimed(
  table: ProcessTable,
  home: Home,
  session: SessionInfo,
  options: {
    readonly claim: JudgedClaim | null;
    readonly known?: Map<number, ProcessIdentity>;
    readonly zombies?: boolean;
  },
): Promise<ClaimedFamily> {
  const { claim, known, zombies = false } = options;
  const family = await findFamily(table, { ...claimedRootsOf(home, session, claim), zombies }, known);
  if (!isElsewhere(session)) return { ...family, doubt: "not_proven" };
  return { members: [], unproven: [...family.unproven, ...family.members], doubt: "out_of_reach" };
}

/** Whether a session runs, or ran, in another PID namespace or on another machine. */
export function isElsewhere({ agent }: SessionInfo): boolean {
  return agent !== null && whereaboutsOf(agent) !== "here";
}

const nobody: TreeRoots = { groupLeader: null, roots: [], cookie: null, except: [] };

/**
 * Whether a session was begun in another state directory, of which this one is a copy (`cp -r`, a backup): then its
 * processes run there, and are none of ours. A directory that was only moved has nothing left where it was.
 */
export function isCopied(home: Home, session: SessionInfo): boolean {
  const { state_directory: begunIn } = session;
  // In another container the directory may well have another path, and its path be another directory here.
  if (begunIn === null || begunIn === home.state || isElsewhere(session)) return false;
  const there = look(begunIn);
  const here = look(home.state);
  return there !== null && (here === null || there.dev !== here.dev || there.ino !== here.ino);
}

function look(directory: string) {
  try {
    return statSync(join(directory, "."));
  } catch {
    return null;
  }
}
