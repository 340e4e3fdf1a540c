import { Cookies, type Carriers } from "./cookies.ts";
import { isSameProcess, olderThan, type ProcessIdentity } from "./identity.ts";
import { OpenFiles } from "./open-files.ts";
import { isProven } from "./proof.ts";
import type { ProcessEntry, ProcessTable } from "./table.ts";
import type { TreeRoots } from "./tree-roots.ts";

/** A session's processes, as one look at the table found them. */
export interface Family {
  readonly members: readonly ProcessEntry[];
  /** The agent that a claim names, alive, when nothing shows that it is the session's: never to be signalled. */
  readonly unproven: readonly ProcessEntry[];
}

/**
 * A session's processes, in the order of the table: the members of the agent's group, all descendants of the roots,
 * every process with the session's cookie in its environment (unless it also has `HOLDFAST_CLOSE=1`), and every one that
 * has inherited its files. No zombies, unless they are asked for.
 *
 * @param known what earlier scans of the same session found, by PID. A process that was in the tree stays in it, also
 * when its parent has died since, which takes its descent away. The map is brought up to date.
 */
export async function findTree(
  table: ProcessTable,
  roots: TreeRoots,
  known?: Map<number, ProcessIdentity>,
): Promise<readonly ProcessEntry[]> {
  return (await findFamily(table, roots, known)).members;
}

/** As `findTree`, and who may belong to it. */
export async function findFamily(
  table: ProcessTable,
  roots: TreeRoots,
  known = new Map<number, ProcessIdentity>(),
): Promise<Family> {
  const first = await lookOnce(table, roots, known);
  // A process may have handed itself on to a child, and ended, when it was listed already and had not been looked at.
  const isNothing = first.members.length === 0 && first.unproven.length === 0;
  return isNothing && first.isAnyGone ? lookOnce(table, roots, known) : first;
}

async function lookOnce(
  table: ProcessTable,
  roots: TreeRoots,
  known: Map<number, ProcessIdentity>,
): Promise<Family & Pick<Carriers, "isAnyGone">> {
  const entries = await table.list();
  const tree = new Tree(entries, roots);
  tree.addAll([...roots.roots, ...known.values()]);
  const named = tree.find(roots.named?.agent ?? null);
  if (named !== null && !tree.has(named) && (await isProven(table, { entries, agent: named, roots }))) tree.add(named);
  const { carriers, isAnyGone } = await askForCookie(table, roots, tree);
  for (const entry of carriers) tree.add(entry);
  for (const entry of await heirs(table, roots, tree)) tree.add(entry);
  if (roots.groupLeader !== null) tree.addGroup(roots.groupLeader);
  const members = tree.members();
  known.clear();
  for (const entry of members) known.set(entry.pid, entry.identity);
  return { members, unproven: tree.without(named), isAnyGone };
}

async function askForCookie(table: ProcessTable, { cookie }: TreeRoots, tree: Tree): Promise<Carriers> {
  if (cookie === null) return { carriers: [], isAnyGone: false };
  return Cookies.of(table).carriersOf(cookie, tree.strangers());
}

async function heirs(table: ProcessTable, { inherited = [] }: TreeRoots, tree: Tree): Promise<readonly ProcessEntry[]> {
  return inherited.length === 0 ? [] : OpenFiles.of(table).writersOf(inherited, tree.bereaved());
}

/** Grows from what is added: a process comes with its descendants. */
class Tree {
  readonly #entries: readonly ProcessEntry[];
  readonly #byPid: ReadonlyMap<number, ProcessEntry>;
  readonly #children = new Map<number, ProcessEntry[]>();
  readonly #roots: TreeRoots;
  readonly #except: ReadonlySet<number>;
  readonly #inside = new Set<number>();

  constructor(entries: readonly ProcessEntry[], roots: TreeRoots) {
    this.#entries = entries;
    this.#byPid = new Map(entries.map((entry) => [entry.pid, entry]));
    this.#roots = roots;
    this.#except = new Set(roots.except);
    for (const entry of entries) {
      const siblings = this.#children.get(entry.ppid);
      if (siblings === undefined) this.#children.set(entry.ppid, [entry]);
      else siblings.push(entry);
    }
  }

  members(): readonly ProcessEntry[] {
    return this.#entries.filter((entry) => this.has(entry) && this.#mayCount(entry));
  }

  has({ pid }: ProcessEntry): boolean {
    return this.#inside.has(pid);
  }

  find(identity: ProcessIdentity | null): ProcessEntry | null {
    const entry = identity === null ? undefined : this.#byPid.get(identity.pid);
    return entry !== undefined && identity !== null && isSameProcess(entry.identity, identity) ? entry : null;
  }

  /** Who is not in the tree so far, and could be by its age. @param among of whom it is asked; the age costs more */
  strangers(among: (entry: ProcessEntry) => boolean = () => true): readonly ProcessEntry[] {
    const { notBefore } = this.#roots;
    const isTooOld = notBefore === undefined ? () => false : olderThan(notBefore);
    return this.#entries.filter(
      (entry) =>
        among(entry) &&
        !this.has(entry) &&
        entry.state !== "zombie" &&
        !this.#except.has(entry.pid) &&
        !isTooOld(entry.identity),
    );
  }

  /**
   * Strangers that may have lost an ancestor in the session: whoever has is given to the nearest ancestor that takes such
   * children in, or to init (PR_SET_CHILD_SUBREAPER, prctl(2)). The keeper's ancestors are the only ones there can be.
   */
  bereaved(): readonly ProcessEntry[] {
    const keeper = this.find(this.#roots.keeper?.process ?? null);
    if (keeper === null) return this.strangers();
    const takers = new Set([1]);
    for (let at: ProcessEntry | undefined = keeper; at !== undefined && !takers.has(at.ppid);) {
      takers.add(at.ppid);
      at = this.#byPid.get(at.ppid);
    }
    return this.strangers(({ ppid }) => takers.has(ppid));
  }

  /** What may count, and is not in the tree. */
  without(entry: ProcessEntry | null): readonly ProcessEntry[] {
    return entry !== null && !this.has(entry) && this.#mayCount(entry) ? [entry] : [];
  }

  addAll(identities: readonly ProcessIdentity[]): void {
    for (const identity of identities) {
      const entry = this.find(identity);
      if (entry !== null) this.add(entry);
    }
  }

  /**
   * Descent passes through exceptions: what an ancestor of this command started belongs to the session. Only what this
   * very process started does not; that is its tools.
   */
  add(entry: ProcessEntry): void {
    const pending = [entry];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (this.has(next) || next.pid === process.pid) continue;
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
   * - the leader is in the tree, alive or zombie: the group is its own;
   * - it is listed, and only a claim calls it the session's: so is its group;
   * - its PID is another process now: the whole group must have died before, and who is in it now are strangers;
   * - nobody has its PID: either members outlived it, or all died, and another leader came and went in the same way.
   *   Only a member that is in the tree by itself tells which, or one that was in the leader's terminal session already when
   *   the leader was seen to go. One such is enough, because strangers cannot join it.
   */
  addGroup(leader: ProcessIdentity): void {
    const holder = this.#byPid.get(leader.pid);
    if (holder !== undefined && !isSameProcess(holder.identity, leader)) return;
    const group = this.#entries.filter(({ pgid, pid }) => pgid === leader.pid && !this.#except.has(pid));
    const isKnown = holder !== undefined && this.has(holder);
    const outlived = holder === undefined || holder.state === "zombie";
    const isOurs =
      isKnown ||
      (outlived && group.some((entry) => entry.state !== "zombie" && (this.has(entry) || this.#sawEnd(entry, leader))));
    if (isOurs) for (const entry of group) this.add(entry);
  }

  /** Nobody gets into a terminal session but by being forked there (setsid(2)), and until then its number was the leader's. */
  #sawEnd({ sid, identity }: ProcessEntry, { pid }: ProcessIdentity): boolean {
    const { leaderGoneBy = null } = this.#roots;
    return sid === pid && leaderGoneBy !== null && olderThan(leaderGoneBy)(identity);
  }

  #mayCount({ pid, state }: ProcessEntry): boolean {
    return (state !== "zombie" || this.#roots.zombies === true) && !this.#except.has(pid);
  }
}
