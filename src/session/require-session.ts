import { Failure, type FailureFacts, type NextStep } from "../failure.ts";
import type { LockView } from "../lock/lock.ts";
import { openContext, type Context } from "./context.ts";
import { lockNames } from "./lock-names.ts";
import { activeSession, reconcile, type ActiveSession } from "./reconcile.ts";
import { leftRunning } from "./refusals.ts";
import { waiterOf } from "./session-info.ts";
import { findActive } from "./slots.ts";
import { startStep } from "./start-again.ts";
import { Trouble } from "./trouble.ts";

/**
 * The active session, if its id is the one asked for.
 * @throws Failure `NO_SESSION`, `SESSION_MISMATCH`; `AGENTS_RUNNING` when only its processes are left
 */
export async function requireSession(context: Context, id: string | null): Promise<ActiveSession> {
  const view = await context.lock.look();
  const active = activeSession(view);
  const place = id === null || active?.session.id === id ? null : placeInLine(view, id);
  if (id !== null && place !== null) throw stillInLine(id, place);
  if (active === null) {
    const lost = (await reconcile(context, view)).find(({ session }) => id === null || session.id === id);
    throw lost === undefined ? await noSession(context, id) : leftRunning(context, lost);
  }
  if (id !== null && id !== active.session.id) throw await mismatch(context, id, active.session.id);
  return active;
}

/** `NO_SESSION`, with the lock that was looked at, and where it runs if it has another one. @param id null: any */
export async function noSession(context: Context, id: string | null): Promise<Failure> {
  const what = id === null ? "No active session" : `No active session: ${id} is not running`;
  const elsewhere = await onOtherLock(context, id);
  // Not beside the one that is meant.
  const start = elsewhere === null || id === null ? [startStep(context.config, id)] : [];
  return notHere(context, elsewhere, {
    code: "NO_SESSION",
    message: `${what}\n${context.home.lockLink(context.lock.name)}`,
    facts: { session: id },
    next: [...start, { does: "look back", command: "holdfast logs" }],
  });
}

/** `NO_SESSION`: neither does it run, nor is its end remembered. */
export async function notRememberedHere(context: Context, id: string): Promise<Failure> {
  return notHere(context, await onOtherLock(context, id), {
    code: "NO_SESSION",
    message: `No session ${id}: it is not running, and none is remembered`,
    facts: { session: id },
    next: [{ does: "see which there are", command: "holdfast list" }],
  });
}

/** `SESSION_MISMATCH`, with where the one that is meant runs, if it has another lock. */
export async function mismatch(context: Context, expected: string, found: string): Promise<Failure> {
  return notHere(context, await onOtherLock(context, expected), {
    code: "SESSION_MISMATCH",
    message: `Session does not match: expected ${expected}, found ${found}`,
    facts: { expected, found },
    next: [{ does: "look", command: "holdfast status" }],
  });
}

interface NotHere {
  readonly code: "NO_SESSION" | "SESSION_MISMATCH";
  readonly message: string;
  readonly facts: FailureFacts;
  readonly next: readonly NextStep[];
}

function notHere({ lock }: Context, elsewhere: OnOtherLock | null, { code, message, facts, next }: NotHere): Failure {
  if (elsewhere === null) return new Failure(code, message, { facts: { ...facts, lock: lock.name }, next });
  return new Failure(code, `${message}\n${elsewhere.id} runs on another lock: ${elsewhere.lock}`, {
    facts: { ...facts, lock: lock.name, elsewhere },
    next: [{ ...lookThere(elsewhere), does: "look there" }, ...next],
  });
}

/** A session that holds another lock of the state directory. */
export interface OnOtherLock {
  readonly id: string;
  readonly lock: string;
}

/** How to see it. */
export function lookThere({ id, lock }: OnOtherLock): NextStep {
  return { does: `${id} runs on another lock`, command: `holdfast --lock ${lock} status` };
}

/** The session of this id, or any, that has another lock; null when there is none. A lock that cannot be read hides no other. */
export async function onOtherLock(context: Context, id: string | null): Promise<OnOtherLock | null> {
  const { home, config, env, by } = context;
  const unreadable = new Trouble();
  const isMeant = ({ session }: ActiveSession) => id === null || session.id === id;
  for (const lockName of lockNames(home)) {
    if (lockName === context.lock.name) continue;
    const open = () => openContext({ home, config, env, by, lockName, create: false });
    const active = await unreadable.spare(async () => findActive(await open(), isMeant));
    if (active !== null) return { id: active.session.id, lock: lockName };
  }
  return null;
}

/** Counted from 1; null when it does not wait. */
export function placeInLine({ waiters }: LockView, id: string): number | null {
  const index = waiters.findIndex((each) => waiterOf(each)?.id === id);
  return index < 0 ? null : index + 1;
}

/** `NO_SESSION`: it waits for its turn. */
export function stillInLine(id: string, position: number): Failure {
  const where = position === 1 ? "next in line" : `${position - 1} ahead in line`;
  return new Failure("NO_SESSION", `${id} is not active yet: ${where}`, {
    facts: { session: id, position },
    retryable: true,
    next: [
      { does: "wait for it", command: `holdfast wait ${id} --until ready` },
      { does: "look", command: "holdfast status" },
    ],
  });
}
