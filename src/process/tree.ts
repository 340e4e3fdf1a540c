import { Cookies } from "./cookies.ts";
import { isSameProcess, startedBefore, type ProcessIdentity } from "./identity.ts";
import type { ProcessEntry, ProcessTable } from "./table.ts";

/** What makes a process belong to a session. */
export interface TreeRoots {
  /** The agent, when it leads a process group of its own; null when it shares its caller's, which is then never used. */
  readonly groupLeader: ProcessIdentity | null;
  /** Processes that belong to the session with all their descendants. */
  readonly roots: readonly ProcessIdentity[];
  /** The value of `HOLDFAST_SESSION` in the environment of the session's processes. */
  readonly cookie: string | null;
  /** PIDs that are never included: the keeper, this process, its ancestors. */
  readonly except: readonly number[];
  /**
   * A process that no process of the session can be older than: whoever started its first agent, or that agent. Spares
   * reading the environments of all that were there before, which are most. Absent: nothing is known.
   */
  readonly notBefore?: ProcessIdentity;
}

/**
 * A session's processes, in the order of the table: the members of the agent's group, all descendants of the roots, and
 * every process with the session's cookie in its environment (unless it also has `HOLDFAST_CLOSE=1`). No zombies.
 *
 * @param known what earlier scans of the same session found, by PID. A process that was in the tree stays in it, also
 * when its parent has died since, which takes its descent away. The map is brought up to date.
 */
export async function findTree(
  table: ProcessTable,
  roots: TreeRoots,
  known?: Map<number, ProcessIdentity>,
): Promise<readonly ProcessEntry[]> {
  const tree = new Tree(await table.list(), new Set(roots.except));
  for (const identity of [...roots.roots, ...(known?.values() ?? [])]) tree.addIdentity(identity);
  if (roots.cookie !== null) {
    const { notBefore } = roots;
    const strangers = tree.strangers();
    const suspects =
      notBefore === undefined ? strangers : strangers.filter(({ identity }) => !startedBefore(identity, notBefore));
    const carriers = await Cookies.of(table).carriersOf(roots.cookie, suspects);
    for (const entry of carriers) tree.add(entry);
  }
  if (roots.groupLeader !== null) tree.addGroup(roots.groupLeader);
  const members = tree.members();
  known?.clear();
  for (const entry of members) known?.set(entry.pid, entry.identity);
  return members;
}

/** Grows from what is added: a process comes with its descendants. */
class Tree {
  readonly #entries: readonly ProcessEntry[];
  readonly #byPid: ReadonlyMap<number, ProcessEntry>;
  readonly #children = new Map<number, ProcessEntry[]>();
  readonly #except: ReadonlySet<number>;
  readonly #inside = new Set<number>();

  constructor(entries: readonly ProcessEntry[], except: ReadonlySet<number>) {
    this.#entries = entries;
    this.#byPid = new Map(entries.map((entry) => [entry.pid, entry]));
    this.#except = except;
    for (const entry of entries) {
      const siblings = this.#children.get(entry.ppid);
      if (siblings === undefined) this.#children.set(entry.ppid, [entry]);
      else siblings.push(entry);
    }
  }

  members(): readonly ProcessEntry[] {
    return this.#entries.filter(
      ({ pid, state }) => this.#inside.has(pid) && state !== "zombie" && !this.#except.has(pid),
    );
  }

  /** Who is not in the tree so far, and could be. */
  strangers(): readonly ProcessEntry[] {
    return this.#entries.filter(
      ({ pid, state }) => !this.#inside.has(pid) && state !== "zombie" && !this.#except.has(pid),
    );
  }

  addIdentity(identity: ProcessIdentity): void {
    const entry = this.#byPid.get(identity.pid);
    if (entry !== undefined && isSameProcess(entry.identity, identity)) this.add(entry);
  }

  /**
   * Descent passes through exceptions: what an ancestor of this command started belongs to the session. Only what this
   * very process started does not; that is its tools.
   */
  add(entry: ProcessEntry): void {
    const pending = [entry];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (this.#inside.has(next.pid) || next.pid === process.pid) continue;
      this.#inside.add(next.pid);
      const parent = next;
      // A child is never older than its parent; if it seems so, the PID has changed hands during the listing.
      for (const child of this.#children.get(parent.pid) ?? [])
        if (child.startedAt >= parent.startedAt) pending.push(child);
    }
  }

  /**
   * Adds the members of the group that `leader` made, if that is still what the number means. The kernel gives a number
   * to nobody else while any process uses it, as PID (a zombie too) or as group; setpgid(2) puts processes only into
   * groups of their own terminal session. Hence:
   * - the leader is listed, alive or zombie: the group is its own;
   * - its PID is another process now: the whole group must have died before, and who is in it now are strangers;
   * - nobody has its PID: either members outlived it, or all died, and another leader came and went in the same way.
   *   Only a member that is in the tree by itself tells which: one there is enough, because strangers cannot join it.
   */
  addGroup(leader: ProcessIdentity): void {
    const holder = this.#byPid.get(leader.pid);
    if (holder !== undefined && !isSameProcess(holder.identity, leader)) return;
    const group = this.#entries.filter(({ pgid, pid }) => pgid === leader.pid && !this.#except.has(pid));
    const isOurs = holder !== undefined || group.some(({ pid, state }) => this.#inside.has(pid) && state !== "zombie");
    if (isOurs) for (const entry of group) this.add(entry);
  }
}
