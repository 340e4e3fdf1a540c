import { Failure } from "../failure.ts";
import { isMeantBy, type Home } from "../home/locate.ts";
import { isDamage } from "../lock/claim-record.ts";
import { knownFile, type KnownFile } from "../process/known-file.ts";
import { OpenFiles } from "../process/open-files.ts";
import { lineOf } from "../process/line-of.ts";
import type { ProcessEntry, ProcessTable } from "../process/table.ts";
import type { Context } from "./context.ts";
import { activeSession, reconcile } from "./reconcile.ts";
import { readRecord } from "./session-end.ts";
import { isUid } from "./session-files.ts";
import { isElsewhere } from "./session-roots.ts";
import { waiterOf } from "./session-info.ts";
import { slotsOf } from "./slots.ts";
import { sessionsAround } from "./inside.ts";
import { readableHold } from "./unsettled.ts";

type Spared = ReadonlySet<string | undefined>;

interface StrayOptions {
  /** True: a session whose claim cannot be read is over. */
  readonly despiteDamage?: boolean;
  /** True: only by the cookie; to go by claims, all of them must be readable. */
  readonly byCookieOnly?: boolean;
}

/**
 * Processes of this user that carry the cookie of a session of this very lock and directory which is over, or have
 * inherited its claim; not of one that waits: its command may be ready. Not this process's own sessions, and not what
 * `--close` has let go.
 */
export async function findStrays(context: Context, options: StrayOptions = {}): Promise<readonly ProcessEntry[]> {
  const spared = await uidsToSpare(context, options);
  const table = await context.processes();
  const own = new Set(lineOf());
  const others = (await table.list()).filter(
    (entry) => !own.has(entry.pid) && entry.state !== "zombie" && entry.uid === process.geteuid?.(),
  );
  const strays = new Set<ProcessEntry>();
  for (const entry of others) if (await carriesCookie(context, table, entry, spared)) strays.add(entry);
  const files = options.byCookieOnly === true ? [] : await releasedClaims(context, spared);
  if (files.length > 0) for (const entry of await OpenFiles.of(table).writersOf(files, others)) strays.add(entry);
  return [...strays];
}

/** Of the session that holds a slot, and of those that nobody has ended: what lives of them is an orphan's, and no stray. */
async function uidsAt(slot: Context, { despiteDamage = false }: StrayOptions): Promise<readonly string[]> {
  try {
    const view = await slot.lock.look();
    const active = activeSession(view);
    const sessions = [...(active === null ? [] : [active]), ...(await reconcile(slot, view))];
    return sessions.map(({ session }) => session.uid);
  } catch (error) {
    if (despiteDamage && isDamage(error)) return [];
    throw error;
  }
}

async function carriesCookie(
  { home, lock }: Context,
  table: ProcessTable,
  { pid }: ProcessEntry,
  spared: Spared,
): Promise<boolean> {
  const environment = await table.variablesOf(pid);
  const cookie = environment?.get("HOLDFAST_SESSION");
  if (environment === null || cookie === undefined || spared.has(cookie)) return false;
  // What is left of a session in a container is left to those who are there.
  if (isLeftElsewhere(home, cookie)) return false;
  const isHere = isMeantBy(home, environment) && environment.get("HOLDFAST_LOCK") === lock.name;
  return isHere && environment.get("HOLDFAST_CLOSE") !== "1";
}

function isLeftElsewhere(home: Home, uid: string): boolean {
  if (!isUid(uid)) return false;
  try {
    const record = readRecord(home, uid);
    return record !== null && isElsewhere(record.session);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    // A whole cleanup forgets damaged records before it comes here. Of one that others can read, they know.
    return !isDamage(error);
  }
}

/** The claims that were given back; whoever has one open for writing still got it from the session's agent. */
async function releasedClaims(context: Context, spared: Spared): Promise<readonly KnownFile[]> {
  const files: KnownFile[] = [];
  for (const { lock } of slotsOf(context)) {
    let claim = await lock.below(Number.MAX_SAFE_INTEGER);
    for (; claim !== null; claim = await lock.below(claim.number)) {
      const session = readableHold(claim)?.session ?? null;
      if (claim.record.state !== "released" || session === null) continue;
      if (spared.has(session.uid) || isElsewhere(session)) continue;
      const file = knownFile(claim.path);
      if (file !== null) files.push(file);
    }
  }
  return files;
}

async function uidsToSpare(context: Context, options: StrayOptions): Promise<Spared> {
  const { waiters } = await context.lock.line();
  const uids = new Set([...sessionsAround(context.env), ...waiters.map((ticket) => waiterOf(ticket)?.uid)]);
  for (const slot of slotsOf(context)) for (const uid of await uidsAt(slot, options)) uids.add(uid);
  return uids;
}
