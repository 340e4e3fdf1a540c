import { Failure } from "../failure.ts";
import { isDamage } from "../lock/claim-record.ts";
import { readEventsBackward } from "../journal/read.ts";
import { isHoldfast } from "../process/holdfast-process.ts";
import { knownFile } from "../process/known-file.ts";
import type { ProcessEntry, ProcessTable } from "../process/table.ts";
import { attempt, type CleanupAction, type CleanupScope } from "./cleanup-action.ts";
import { endFound } from "./cleanup-steps.ts";
import type { Context } from "./context.ts";
import { otherOwner } from "./owners.ts";
import { withMaintenance } from "./reconcile.ts";
import { readRecord } from "./session-end.ts";
import { removeSessionDirectory, sessionFiles, sessionUids } from "./session-files.ts";
import { holdOf } from "./session-info.ts";
import { findStrays } from "./strays.ts";

/**
 * A last claim that cannot be read would refuse everybody for ever: the next number is taken over its head. What keeps it
 * locked without a keeper is ended for that, in a whole clean-up.
 */
export async function repairLock(context: Context, scope: CleanupScope): Promise<readonly CleanupAction[]> {
  const damage = await damageOf(context);
  if (damage === null) return [];
  const why = oneLineOf(damage);
  const action = { what: "lock", name: context.lock.name, pid: null, why } as const;
  const repair = () =>
    attempt(scope, action, async () => {
      // A whole clean-up ends them afterwards.
      if (scope.damaged === true) await refuseBesideStrays(context);
      const settled = await withMaintenance(context, async (_held, unsettled) => unsettled, { despiteDamage: true });
      if (settled === null) throw new Failure("BUSY", "Somebody holds the lock");
      return "a new claim was written over it";
    });
  const repaired = await repair();
  if (repaired.result === "removed") return [repaired];
  const path = String(damage.facts["path"]);
  const left = () => leftHolding(context, scope, path);
  const ended =
    scope.damaged === true ? [] : await endFound(context, scope, "left of a session without a keeper", left);
  const result = ended.length === 0 ? repaired : await repair();
  return [...ended, scope.dryRun === true && ended.length > 0 ? result : await withHolders(context, path, result)];
}

/** A repair that is refused, or would be, because the claim is locked says by whom: that is somebody to ask. */
async function withHolders(context: Context, path: string, repair: CleanupAction): Promise<CleanupAction> {
  // A lease is no lock on a file.
  if (repair.result === "removed" || context.pulse.kind === "lease") return repair;
  const holders = await holdersOf(await context.processes(), path);
  if (holders.length === 0) return repair;
  const who = holders.map(({ pid, command }) => `PID ${pid} (${command})`).join(", ");
  const detail = `${who} ${holders.length === 1 ? "has" : "have"} ${path} locked; when that has ended, it can be repaired`;
  return { ...repair, result: "failed", detail };
}

/**
 * The processes that keep a claim locked, if its keeper is dead: all that have it open show by themselves that they are of a
 * session of this lock, and none is a holdfast, or may be one. Else nobody; nor if the session is another owner's.
 */
async function leftHolding(context: Context, { force }: CleanupScope, path: string): Promise<readonly ProcessEntry[]> {
  const table = await context.processes();
  const holders = await holdersOf(table, path);
  if (holders.length === 0) return [];
  const known = await findStrays(context, { despiteDamage: true, byCookieOnly: true });
  const strays = new Set(known.map(({ pid }) => pid));
  const isLeft = ({ pid, argv }: ProcessEntry) => strays.has(pid) && !isHoldfast(argv);
  if (!holders.every(isLeft)) return [];
  return force !== true && (await isAnotherOwners(context, table, holders)) ? [] : holders;
}

/** Who has a claim open for writing, and so may have it locked; a holdfast of which that cannot be seen may, too. */
async function holdersOf(table: ProcessTable, path: string): Promise<readonly ProcessEntry[]> {
  const claim = knownFile(path);
  if (claim === null) return [];
  const holders: ProcessEntry[] = [];
  for (const entry of await table.list()) {
    const writes = await table.writesTo(entry.pid, [claim]);
    if (writes === true || (writes === null && isHoldfast(entry.argv))) holders.push(entry);
  }
  return holders;
}

/** By what the log says of their sessions: the claim says nothing any more. */
async function isAnotherOwners(
  context: Context,
  table: ProcessTable,
  processes: readonly ProcessEntry[],
): Promise<boolean> {
  const uids = new Set<string | undefined>();
  for (const { pid } of processes) uids.add((await table.variablesOf(pid))?.get("HOLDFAST_SESSION"));
  for (const event of readEventsBackward(context.home.log, { kinds: ["claimed"] })) {
    if (uids.size === 0) break;
    if (event.event !== "claimed" || !uids.delete(event.uid)) continue;
    if (otherOwner(context, event.owner) !== null) return true;
  }
  return false;
}

async function damageOf(context: Context): Promise<Failure | null> {
  try {
    const { last } = await context.lock.look();
    if (last !== null) holdOf(last);
    return null;
  } catch (error) {
    if (error instanceof Failure && isDamage(error)) return error;
    throw error;
  }
}

/** Of whose claim cannot be read, the processes may still run: nobody is to start beside them. */
async function refuseBesideStrays(context: Context): Promise<void> {
  const pids = (await findStrays(context, { despiteDamage: true })).map(({ pid }) => pid);
  if (pids.length === 0) return;
  const what = pids.length === 1 ? `PID ${pids[0]} runs` : `PIDs ${pids.join(", ")} run`;
  throw new Failure("AGENTS_RUNNING", `${what}, and may be of its session; holdfast cleanup ends what is left of it`);
}

/** Ended sessions whose records cannot be read: nothing else can be done with them. Those that others can read stay. */
export async function forgetDamaged(context: Context, scope: CleanupScope): Promise<readonly CleanupAction[]> {
  const actions: CleanupAction[] = [];
  for (const uid of sessionUids(context.home)) {
    const failure = failureOfRecord(context, uid);
    if (failure === null) continue;
    const why = oneLineOf(failure);
    const subject = { what: "ended_session", name: uid, pid: null, why } as const;
    if (!isDamage(failure)) {
      actions.push({ ...subject, result: "named", detail: sessionFiles(context.home, uid).record });
      continue;
    }
    actions.push(
      await attempt(scope, subject, async () => {
        removeSessionDirectory(sessionFiles(context.home, uid));
        context.journal.append({ event: "removed", lock: context.lock.name, uid, by: context.by, why });
        return uid;
      }),
    );
  }
  return actions;
}

function failureOfRecord(context: Context, uid: string): Failure | null {
  try {
    readRecord(context.home, uid);
    return null;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

function oneLineOf(error: unknown): string {
  return error instanceof Failure ? (error.message.split("\n")[0] ?? error.message) : "";
}
