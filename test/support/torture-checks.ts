import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { TortureGround } from "./torture-ground.ts";
import { until } from "./until.ts";

/*
 * What must be true of everything that was done. Each returns what is wrong, in words.
 */

/** No agent ran beside another. @param isExcused whether this is known to happen at this time, in seconds */
export function besideOthers(ground: TortureGround, isExcused: (atSeconds: number) => boolean): string[] {
  return ground.violations().filter((line) => !isExcused(Number(line.split(" ")[0])));
}

/** As agents saw them, who may be started again with the same token, and as the log has them. */
export function tokensThatFell(ground: TortureGround): string[] {
  const grants = ground.grants().filter(({ uid }, index, all) => all[index - 1]?.uid !== uid);
  const claims = ground.events().filter(({ event }) => event === "claimed");
  const claimed = claims.map(({ uid, token }) => ({ uid: String(uid), token: Number(token) }));
  return [grants, claimed].flatMap((tokens) =>
    tokens.flatMap(({ uid, token }, index) => {
      const before = tokens[index - 1];
      return before === undefined || token > before.token ? [] : [`${uid} got ${token} after ${before.token}`];
    }),
  );
}

/** @param atMost true where an end may have been lost with what was damaged */
export function wrongEnds(ground: TortureGround, { atMost }: { readonly atMost: boolean }): string[] {
  const ends = new Map<unknown, number>();
  for (const { event, uid } of ground.events()) {
    if (event === "ended") ends.set(uid, (ends.get(uid) ?? 0) + 1);
    else if (["claimed", "started"].includes(event) && !ends.has(uid)) ends.set(uid, 0);
  }
  return [...ends].flatMap(([uid, count]) =>
    count === 1 || (atMost && count === 0) ? [] : [`${String(uid)} has ended ${count} times`],
  );
}

/** Keepers write nothing there, unless they crash. */
export function lastWords(ground: TortureGround): string[] {
  const sessions = join(ground.workspace.state, "sessions");
  return ground.workspace.sessionDirectories().flatMap((uid) => {
    const path = join(sessions, uid, "keeper.log");
    const said = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    return said === 0
      ? []
      : [`${uid}: its keeper said: ${ground.workspace.read(join(".holdfast/sessions", uid, "keeper.log"))}`];
  });
}

/** After a clean-up nothing runs, waits, or is held here. */
export async function whatIsLeft(ground: TortureGround): Promise<string[]> {
  const { workspace } = ground;
  const left: string[] = [];
  const isEmpty = () => workspace.processes().length === 0;
  await until(isEmpty, { withinMs: 30_000 }).catch(() => undefined);
  left.push(...workspace.processes().map(({ pid, state, command }) => `${pid} (${state}) is left: ${command}`));
  if (existsSync(join(workspace.state, "session.lock"))) left.push("session.lock is left");
  const status = await workspace.holdfast(["status", "--check", "--json"]);
  const { active, queue } = status.json();
  if (status.exitCode !== 3 || active === true || queue?.length !== 0) left.push(`status: ${status.stdout}`);
  const listed = (await workspace.holdfast(["list", "--json"])).json();
  const open = listed.sessions?.filter(({ state }: { readonly state: string }) => state !== "ended") ?? [listed];
  left.push(...open.map((session: unknown) => `listed: ${JSON.stringify(session)}`));
  return left;
}
