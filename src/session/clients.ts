import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { errnoOf, Failure, failureFromErrno } from "../failure.ts";
import { makeUid } from "../home/names.ts";
import { shellWord } from "../home/shell-word.ts";
import { identitySchema } from "../lock/claim-record.ts";
import { isSameProcess, livenessOf, type ProcessIdentity } from "../process/identity.ts";
import type { Context } from "./context.ts";
import { readAs } from "./read-as.ts";
import { createJson, isDirectory, makeSessionDirectory, removeOnRecord, sessionFiles } from "./session-files.ts";
import type { SessionInfo } from "./session-info.ts";

const clientSchema = v.object({
  uid: v.string(),
  name: v.string(),
  user: v.string(),
  joined_at: v.string(),
  process: identitySchema,
});

/** Someone who joined: a registered process, a client for as long as that process lives. */
export type Client = Readonly<v.InferOutput<typeof clientSchema>>;

export type LeaveReason = "left" | "gone" | "ended";

/** Registers a process as a client; the same process again is the same client. */
export function addClient(context: Context, session: SessionInfo, name: string, process: ProcessIdentity): Client {
  const existing = liveClients(context, session).find((client) => isSameProcess(client.process, process));
  if (existing !== undefined) return existing;
  const client: Client = {
    uid: makeUid(),
    name,
    user: context.by.user,
    joined_at: new Date().toISOString(),
    process,
  };
  const files = sessionFiles(context.home, session.uid);
  // A session holds the lock for a moment before it has a directory; and somebody may have removed that under it.
  if (!existsSync(files.clients)) makeSessionDirectory(files);
  createJson(join(files.clients, `${client.uid}.json`), client);
  context.journal.append({
    event: "joined",
    lock: context.lock.name,
    session: session.id,
    uid: session.uid,
    by: context.by,
    client: { uid: client.uid, name, pid: process.pid },
  });
  return client;
}

/**
 * Ends a registration. The one caller that really removes the file logs it, so `left` is written once.
 * @throws Failure when it can be removed or logged no more; then it stands as it stood
 */
export function removeClient(context: Context, session: SessionInfo, client: Client, reason: LeaveReason): boolean {
  const path = join(sessionFiles(context.home, session.uid).clients, `${client.uid}.json`);
  return removeOnRecord(path, () => {
    context.journal.append({
      event: "left",
      lock: context.lock.name,
      session: session.id,
      uid: session.uid,
      by: context.by,
      client: { uid: client.uid, name: client.name, pid: client.process.pid },
      reason,
    });
  });
}

/**
 * As `removeClient`, for those who have something else to say, which must not fail for that.
 * @param tell told why it could not be done
 */
export function tryToRemoveClient(
  context: Context,
  session: SessionInfo,
  { client, reason, tell }: { readonly client: Client; readonly reason: LeaveReason; readonly tell: TellTrouble },
): void {
  try {
    removeClient(context, session, client, reason);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    tell(error);
  }
}

/**
 * Told of each registration that cannot be read (nobody can tell of what, so it counts as none), or cannot be removed.
 */
export type TellTrouble = (failure: Failure) => void;

const tellNobody: TellTrouble = () => undefined;

/** The clients whose processes live. Registrations of dead ones are removed on the way, however they died. */
export function liveClients(context: Context, session: SessionInfo, tell = tellNobody): readonly Client[] {
  return allClients(context, session, tell).filter((client) => {
    // A client of another PID namespace or host cannot be judged from here: it counts until it leaves.
    if (livenessOf(client.process) !== "dead") return true;
    tryToRemoveClient(context, session, { client, reason: "gone", tell });
    return false;
  });
}

/** With the session ends who is still in it; of who has died before that nobody may have noticed. */
export function dropAllClients(context: Context, session: SessionInfo): void {
  for (const client of allClients(context, session, tellNobody)) {
    removeClient(context, session, client, livenessOf(client.process) === "dead" ? "gone" : "ended");
  }
}

function allClients(context: Context, session: SessionInfo, tell: TellTrouble): Client[] {
  const { directory, clients } = sessionFiles(context.home, session.uid);
  // A link would lead to files that are none of ours.
  if (!isDirectory(directory) || !isDirectory(clients)) return [];
  let names: string[];
  try {
    names = readdirSync(clients);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw failureFromErrno(error, "list the clients", clients);
  }
  return names
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) => clientIn(clients, name, tell) ?? [])
    .toSorted((a, b) => a.joined_at.localeCompare(b.joined_at));
}

const clientKind = {
  what: "client's registration",
  schema: clientSchema,
  next: (path: string) => ({ does: "remove it", command: `rm -r ${shellWord(path)}` }),
};

function clientIn(directory: string, name: string, tell: TellTrouble): Client | null {
  const path = join(directory, name);
  try {
    const client = readAs(clientKind, path);
    // Its uid names the file that goes when it leaves: that must be its own.
    if (client === null || name === `${client.uid}.json`) return client;
    throw new Failure("DATA", `This client's registration is that of another, ${client.uid}\n${path}`, {
      facts: { path },
      next: [clientKind.next(path)],
    });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    tell(error);
    return null;
  }
}
