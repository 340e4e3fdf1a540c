import { realpathSync } from "node:fs";
import { sep } from "node:path";
import { isHoldfast } from "./holdfast-process.ts";
import type { ProcessEntry, ProcessTable } from "./table.ts";

export interface OutsideQuery {
  /** Whether a command looks like an agent's. */
  readonly looksLikeAgent: (command: string) => boolean;
  /** The project's directory. */
  readonly root: string;
  /** Whose processes. */
  readonly uid: number;
  readonly except: readonly number[];
}

/**
 * Agent processes that belong to no session: of this user, working inside `root`, with a command that looks like it, and
 * without a session's cookie. Never this process, its ancestors, holdfast itself (a waiting `holdfast run node engine.js`
 * is no agent), or what only launches it (`sh -c "holdfast run …"`, npm). No zombies. What cannot be read is left out:
 * the result may be signalled. Where environments cannot be read reliably (macOS), put the PIDs of the session's tree
 * into `except`.
 */
export async function findOutside(table: ProcessTable, query: OutsideQuery): Promise<readonly ProcessEntry[]> {
  const entries = await table.list();
  const candidates = entries.filter(({ state, command }) => state !== "zombie" && query.looksLikeAgent(command));
  if (candidates.length === 0) return [];
  const root = realRoot(query.root);
  const innocent = innocentPids(entries, query.except);
  const outside: ProcessEntry[] = [];
  for (const entry of candidates) {
    if (innocent.has(entry.pid) || entry.uid !== query.uid) continue;
    if (!isInside(root, await table.workingDirectoryOf(entry.pid))) continue;
    const environment = await table.variablesOf(entry.pid);
    if (environment !== null && !environment.has("HOLDFAST_SESSION")) outside.push(entry);
  }
  return outside;
}

/** Whether a process works inside a directory; false when that cannot be read. */
export async function worksInside(table: ProcessTable, directory: string, pid: number): Promise<boolean> {
  return isInside(realRoot(directory), await table.workingDirectoryOf(pid));
}

/** This process and its ancestors, every holdfast, and those ancestors of a holdfast whose command names it. */
function innocentPids(entries: readonly ProcessEntry[], except: readonly number[]): ReadonlySet<number> {
  const byPid = new Map(entries.map((entry) => [entry.pid, entry]));
  const innocent = new Set([...except, process.pid]);
  const parent = byPid.get(process.pid)?.ppid ?? process.ppid;
  for (const { pid } of ancestorsOf(parent, byPid)) innocent.add(pid);
  for (const entry of entries) {
    if (!isHoldfast(entry.argv)) continue;
    innocent.add(entry.pid);
    for (const { pid, command } of ancestorsOf(entry.ppid, byPid)) if (/\bholdfast\b/.test(command)) innocent.add(pid);
  }
  return innocent;
}

function* ancestorsOf(parent: number, byPid: ReadonlyMap<number, ProcessEntry>): Generator<ProcessEntry> {
  const seen = new Set<number>();
  for (let entry = byPid.get(parent); entry !== undefined && !seen.has(entry.pid); entry = byPid.get(entry.ppid)) {
    seen.add(entry.pid);
    yield entry;
  }
}

function realRoot(root: string): string {
  try {
    return realpathSync(root);
  } catch {
    return root;
  }
}

function isInside(root: string, directory: string | null): boolean {
  return directory !== null && (directory === root || directory.startsWith(root.endsWith(sep) ? root : root + sep));
}
