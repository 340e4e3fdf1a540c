import type { Context } from "./context.ts";

/** Whose session it is, when that is somebody else: who calls is who HOLDFAST_OWNER says. Null: anybody may end it. */
export function otherOwner({ env }: Pick<Context, "env">, owner: string | null | undefined): string | null {
  const me = env["HOLDFAST_OWNER"] || null;
  return owner === null || owner === undefined || owner === me ? null : owner;
}
