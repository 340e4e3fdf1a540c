import type { Context } from "../session/context.ts";
import type { SessionInfo } from "../session/session-info.ts";
import { sessionsAround } from "../session/inside.ts";
import { depthVariable } from "./pass-signal.ts";

/**
 * What the agent finds in its environment. `HOLDFAST_SESSION` is the cookie that every process of the session carries
 * on; the directory and the lock make a `holdfast` run inside mean the same lock without being told.
 */
export function agentEnvironment(context: Context, session: SessionInfo, token: number): NodeJS.ProcessEnv {
  const { HOLDFAST_CLOSE: _, HOLDFAST_ANCESTORS: __, [depthVariable]: ___, ...inherited } = context.env;
  const ancestors = sessionsAround(context.env).filter((uid) => uid !== session.uid);
  return {
    ...inherited,
    HOLDFAST_SESSION: session.uid,
    HOLDFAST_SESSION_ID: session.id,
    HOLDFAST_TOKEN: String(token),
    HOLDFAST_LOCK: context.lock.name,
    HOLDFAST_SLOT: String(session.slot),
    HOLDFAST_DIR: context.home.root,
    ...(ancestors.length > 0 ? { HOLDFAST_ANCESTORS: ancestors.join(":") } : {}),
    ...(session.close ? { HOLDFAST_CLOSE: "1" } : {}),
  };
}
