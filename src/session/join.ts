import {
  identify,
  isSameProcess,
  selfIdentity,
  whereaboutsOf,
  type ProcessIdentity,
  type Whereabouts,
} from "../process/identity.ts";
import { Failure } from "../failure.ts";
import { addClient, liveClients, removeClient, type Client } from "./clients.ts";
import type { Context } from "./context.ts";
import { stateOf, type SessionState } from "./find-live.ts";
import { slotOf } from "./slot-of.ts";
import type { ActiveSession } from "./reconcile.ts";
import { requireSession } from "./require-session.ts";
import { isReady, type SessionInfo } from "./session-info.ts";
import { waitUntilReady } from "./wait.ts";

export interface JoinRequest {
  readonly id: string | null;
  /** The process that is the client; absent: this one. */
  readonly pid?: number;
  /** Wait until the session is ready, at most so long; null: as long as it takes. Absent: do not wait. */
  readonly readyWithinMs?: number | null;
}

export interface Joined {
  readonly active: ActiveSession;
  readonly state: SessionState;
  /** Where the session runs; elsewhere its PIDs mean nothing here. */
  readonly where: Whereabouts;
  readonly client: Client;
  readonly clients: readonly Client[];
}

/**
 * Joins the active session as a client, for as long as the registered process lives or until it leaves. It is called as
 * whoever joins is called in the log, else as the user.
 * @throws Failure `NO_SESSION`, `SESSION_MISMATCH`; `USAGE` when there is no such process; `WAIT_TIMEOUT` when it is not
 *   ready in time. Who could not join is no client, unless it was one before
 */
export async function join(given: Context, request: JoinRequest): Promise<Joined> {
  const context = await slotOf(given, request.id);
  const active = await requireSession(context, request.id);
  const process = request.pid === undefined ? selfIdentity() : requireProcess(request.pid);
  const before = liveClients(context, active.session);
  const client = addClient(context, active.session, context.by.name ?? context.by.user, process);
  try {
    const session = await whenReady(context, active.session, request.readyWithinMs);
    const joined = { ...active, session };
    const where = whereaboutsOf(active.claim.record.owner);
    return { active: joined, state: stateOf(joined), where, client, clients: liveClients(context, session) };
  } catch (error) {
    if (before.every(({ uid }) => uid !== client.uid)) removeClient(context, active.session, client, "left");
    throw error;
  }
}

async function whenReady(context: Context, session: SessionInfo, withinMs?: number | null): Promise<SessionInfo> {
  if (withinMs === undefined || isReady(session)) return session;
  return waitUntilReady(context, session, withinMs);
}

export interface LeaveRequest {
  readonly id: string | null;
  /** The process whose registration ends, as it is numbered here. */
  readonly pid?: number;
  /** The client's name, instead: wherever it is. */
  readonly name?: string;
}

/**
 * Ends registrations: the named client's, or the process's.
 * @returns the clients that left; empty when none was registered
 */
export async function leave(given: Context, request: LeaveRequest): Promise<readonly Client[]> {
  const context = await slotOf(given, request.id);
  const { session } = await requireSession(context, request.id);
  const { name, pid } = request;
  const isMeant = name === undefined ? hasPid(pid) : (client: Client) => client.name === name;
  const mine = liveClients(context, session).filter(isMeant);
  return mine.filter((client) => removeClient(context, session, client, "left"));
}

/** PIDs mean nothing elsewhere: another container's client may well have the same one. */
function hasPid(pid: number | undefined): (client: Client) => boolean {
  const now = pid === undefined ? null : identify(pid);
  // It may be hidden from this user.
  if (now === null) return ({ process }) => process.pid === pid && whereaboutsOf(process) === "here";
  return ({ process }) => isSameProcess(process, now);
}

function requireProcess(pid: number): ProcessIdentity {
  const process = identify(pid);
  if (process !== null) return process;
  // Of a process that was put into a container (docker exec, nsenter) the parent has no PID in there.
  const what = pid === 0 ? "The calling process is outside this PID namespace" : `No process has the PID ${pid}`;
  throw new Failure("USAGE", what, {
    facts: { pid },
    next: [{ does: "name one", command: "holdfast join --pid PID" }],
  });
}
