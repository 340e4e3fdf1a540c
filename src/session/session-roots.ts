import { statSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "../home/locate.ts";
import type { Lock } from "../lock/lock.ts";
import type { ProcessIdentity } from "../process/identity.ts";
import { knownFile, knownFileOfOneName } from "../process/known-file.ts";
import type { TreeRoots } from "../process/tree-roots.ts";
import { sessionFiles } from "./session-files.ts";
import type { SessionInfo } from "./session-info.ts";

/** What makes a process belong to this session, for its own keeper: it knows its agent. */
export function rootsOf(session: SessionInfo): TreeRoots {
  return {
    groupLeader: session.leads_group ? session.agent : null,
    roots: session.agent === null ? [] : [session.agent],
    cookie: session.uid,
    except: [process.pid],
    // What is older than the first agent cannot be its child, and need not be looked into.
    ...(session.agent === null || session.restarts > 0 ? {} : { notBefore: session.agent }),
  };
}

/**
 * What makes a process belong to this session, for everybody else, who knows it from a claim: the agent it names has to
 * prove itself (docs/decisions/0018).
 * @param keeper the owner of its claim, if that may live
 */
export function claimedRootsOf(
  { home, lock }: { readonly home: Home; readonly lock: Lock },
  session: SessionInfo,
  keeper: ProcessIdentity | null = null,
): TreeRoots {
  if (isCopied(home, session)) return nobody;
  const claim = session.token === null ? null : knownFile(lock.at(session.slot).fileOf(session.token));
  const output = knownFileOfOneName(sessionFiles(home, session.uid).output);
  return {
    ...rootsOf(session),
    roots: [],
    named: session.agent === null ? null : { agent: session.agent, files: output === null ? [] : [output] },
    inherited: claim === null ? [] : [claim],
    keeper,
    except: keeper === null ? [process.pid] : [process.pid, keeper.pid],
  };
}

const nobody: TreeRoots = { groupLeader: null, roots: [], cookie: null, except: [] };

/**
 * Whether a session was begun in another state directory, of which this one is a copy (`cp -r`, a backup): then its
 * processes run there, and are none of ours. A directory that was only moved has nothing left where it was.
 */
export function isCopied(home: Home, { state_directory: begunIn }: SessionInfo): boolean {
  if (begunIn === null || begunIn === home.state) return false;
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
