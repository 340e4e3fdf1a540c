import type { Context } from "./context.ts";
import type { SessionInfo } from "./session-info.ts";

/** Whose session it is, when that is somebody else: who calls is who HOLDFAST_OWNER says. Null: anybody may end it. */
export function otherOwner({ env }: Pick<Context, "env">, owner: string | null | undefined): string | null {
  const me = env["HOLDFAST_OWNER"] || null;
  return owner === null || owner === undefined || owner === me ? null : owner;
}

/** What to type to end this very session, and nothing else: another owner's takes `--force`. */
export function stopCall(context: Pick<Context, "env">, { id, owner }: Pick<SessionInfo, "id" | "owner">): string {
  return `holdfast stop ${id}${otherOwner(context, owner) === null ? "" : " --force"}`;
}
