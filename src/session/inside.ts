import { Failure } from "../failure.ts";
import type { Context } from "./context.ts";
import { insideItself } from "./refusals.ts";
import type { SessionInfo } from "./session-info.ts";
import { findActive } from "./slots.ts";

/** The uids of the sessions this process runs in, the innermost first. */
export function sessionsAround(env: NodeJS.ProcessEnv): readonly string[] {
  return [env["HOLDFAST_SESSION"], ...(env["HOLDFAST_ANCESTORS"] ?? "").split(":")].filter(
    (uid): uid is string => uid !== undefined && uid !== "",
  );
}

/** Whether this process runs inside the session that holds the lock. */
export async function isInsideHolder(context: Context): Promise<boolean> {
  return (await holderAround(context)) !== null;
}

/**
 * A session whose own command asks for its lock would wait for itself for ever.
 * @throws Failure `BUSY`, not retryable
 */
export async function refuseInsideItself(context: Context, wanted: SessionInfo): Promise<void> {
  const session = await holderAround(context);
  // Of several slots it may have another.
  if (session !== null && session.slots === 1) throw insideItself(context, session, wanted);
}

/**
 * What is inside a session ends with it at the latest, and so never sees its end; but with `-o` it may live on.
 * @throws Failure `BUSY`, not retryable
 */
export function refuseToWaitForItself({ env }: Context, { id, uid, close }: SessionInfo): void {
  if (close || !sessionsAround(env).includes(uid)) return;
  throw new Failure("BUSY", `This command runs inside ${id}, and ends with it: it would wait for itself`, {
    facts: { session: id, uid },
    retryable: false,
    next: [{ does: "end it", command: `holdfast stop ${id}` }],
  });
}

async function holderAround(context: Context): Promise<SessionInfo | null> {
  const inside = sessionsAround(context.env);
  if (inside.length === 0) return null;
  return (await findActive(context, ({ session }) => inside.includes(session.uid)))?.session ?? null;
}
