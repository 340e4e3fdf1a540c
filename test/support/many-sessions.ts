import { appendFileSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "./program.ts";
import type { Workspace } from "./workspace.ts";

const digits = "0123456789abcdefghjkmnpqrstvwxyz";

/** As holdfast makes them: ten digits for the time in milliseconds, and sixteen more. */
function uidOf(atMs: number, number: number): string {
  const inDigits = (value: number, length: number): string => {
    let text = "";
    for (let rest = value; text.length < length; rest = Math.floor(rest / 32)) text = digits.charAt(rest % 32) + text;
    return text;
  };
  return inDigits(atMs, 10) + inDigits(number, 16);
}

/**
 * Leaves so many ended sessions, `old-1` the oldest, on disk and in the log, each a copy of one that really ended here; they
 * ended `apartMs` apart, the last one just now.
 */
export function leaveEndedSessions(workspace: Workspace, count: number, apartMs: number): void {
  const [original = ""] = workspace.sessionDirectories();
  const record = readFileSync(join(workspace.state, "sessions", original, "record.json"), "utf8");
  const { session } = JSON.parse(record);
  const events = workspace.events().filter(({ uid }) => uid === original);
  const now = Date.now();
  const lines: string[] = [];
  for (let number = 1; number <= count; number += 1) {
    const endedMs = now - (count - number) * apartMs;
    const [uid, ended] = [uidOf(endedMs - 1000, number), new Date(endedMs).toISOString()];
    const renamed = (text: string): string =>
      text
        .replaceAll(original, uid)
        .replaceAll(`"${session.id}"`, `"old-${number}"`)
        .replaceAll(/"ended_at":"[^"]*"/g, `"ended_at":"${ended}"`);
    const directory = join(workspace.state, "sessions", uid);
    mkdirSync(join(directory, "clients"), { recursive: true, mode: 0o700 });
    writeFileSync(join(directory, "record.json"), renamed(record), { mode: 0o600 });
    utimesSync(join(directory, "record.json"), endedMs / 1000, endedMs / 1000);
    for (const event of events) lines.push(renamed(JSON.stringify({ ...event, time: ended })));
  }
  appendFileSync(join(workspace.state, "holdfast.log"), lines.map((line) => `${line}\n`).join(""));
}

/** Registers so many clients more, each a copy of one that really joined: the same process by other names. */
export function multiplyClients(workspace: Workspace, session: string, count: number): void {
  const directory = join(workspace.state, "sessions", session, "clients");
  const joined = workspace.events("joined").at(-1) as Json;
  const text = readFileSync(join(directory, `${joined.client.uid}.json`), "utf8");
  for (let number = 1; number <= count; number += 1) {
    const uid = uidOf(Date.now(), number);
    const client = { ...JSON.parse(text), uid, name: `client-${number}` };
    writeFileSync(join(directory, `${uid}.json`), `${JSON.stringify(client)}\n`, { mode: 0o600 });
  }
}
