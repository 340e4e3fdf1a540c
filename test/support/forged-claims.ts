import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startSession } from "./sessions.ts";
import type { Json } from "./program.ts";
import { agent, type Workspace } from "./workspace.ts";

/** A session's claim in its last state, as holdfast itself wrote it for a session that ran here and was stopped. */
export async function realClaim(workspace: Workspace): Promise<Json> {
  await startSession(workspace, agent("sleeper.sh"));
  const running = claims(workspace).at(-1);
  await workspace.holdfast(["stop"]);
  return running;
}

/** The last line of each claim, the highest number last. */
function claims(workspace: Workspace): Json[] {
  const numbers = readdirSync(join(workspace.state, "claims"))
    .flatMap((name) => /^session\.(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number);
  return numbers
    .toSorted((a, b) => a - b)
    .map((number) => readFileSync(join(workspace.state, `claims/session.${number}`), "utf8"))
    .map((text) => JSON.parse(text.trimEnd().split("\n").at(-1) ?? ""));
}

/**
 * Leaves a claim for the next number, and the session directory that goes with it: as if its keeper had died without
 * a word, and every process that it names were somebody else's by now.
 */
export function forgeClaim(workspace: Workspace, claim: Json): void {
  const token = (claims(workspace).at(-1)?.token ?? 0) + 1;
  const line = `${JSON.stringify({ ...claim, token, state: "held" })}\n`;
  writeFileSync(join(workspace.state, `claims/session.${token}`), line, { mode: 0o600 });
  const uid: string | undefined = claim.info.session?.uid;
  if (uid === undefined) return;
  mkdirSync(join(workspace.state, "sessions", uid, "clients"), { recursive: true, mode: 0o700 });
}
