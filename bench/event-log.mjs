/** An event log as years of work leave it: sessions one after the other, each with six events as holdfast writes them. */
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import path from "node:path";

const by = { user: "dev", host: "build1", pid: 29_600, tty: "pts/0" };
const sessionEveryMs = 120_000;
const pieceCharacters = 1_000_000;

/**
 * Writes the log of a project, up to now.
 * @param {{ events?: number, bytes?: number }} size at least so many
 * @returns {{ file: string, events: number, bytes: number }}
 */
export function writeEventLog(project, { events: wantedEvents = 0, bytes: wantedBytes = 0 }) {
  const state = path.join(project, ".holdfast");
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const file = path.join(state, "holdfast.log");
  const descriptor = openSync(file, "a", 0o600);
  // From the first session on, so that the last one is over now.
  const sessions = Math.ceil(Math.max(wantedEvents / 6, wantedBytes / 2000));
  const firstMs = Date.now() - (sessions + 1) * sessionEveryMs;
  let events = 0;
  let bytes = 0;
  let piece = "";
  for (let number = 1; events < wantedEvents || bytes + piece.length < wantedBytes; number += 1) {
    for (const event of sessionOf(number, firstMs + number * sessionEveryMs)) {
      piece += `${JSON.stringify(event)}\n`;
      events += 1;
    }
    if (piece.length < pieceCharacters) continue;
    bytes += writeSync(descriptor, piece);
    piece = "";
  }
  bytes += writeSync(descriptor, piece);
  closeSync(descriptor);
  return { file, events, bytes };
}

function sessionOf(number, begunMs) {
  const at = (ms) => new Date(begunMs + ms).toISOString();
  const uid = `01m7${String(number).padStart(22, "0")}`;
  const event = (ms, kind, more) => {
    const base = { time: at(ms), schema_version: 1, lock: "session", session: "engine", uid, token: number, by };
    return { ...base, event: kind, ...more };
  };
  const command = ["node", "engine.js", "--strategy", `momentum-${number % 17}`];
  const client = { uid, name: "ci", pid: 30_110 };
  const process = (pid, name) => ({ pid, command: name, how: "SIGTERM", started_at: at(10) });
  return [
    event(0, "claimed", { command, cwd: "/srv/project" }),
    event(60, "started", { pid: 29_625, command }),
    event(5000, "joined", { client }),
    event(50_000, "left", { client, reason: "left" }),
    event(60_000, "stop_requested", { reason: "new version" }),
    event(60_400, "ended", {
      ended_at: at(60_400),
      duration_seconds: 60.4,
      reason: "stopped",
      exit_code: null,
      signal: "SIGTERM",
      last_activity: at(60_000),
      ended_by: by,
      stop_reason: "new version",
      processes: [process(29_625, "node engine.js"), process(29_640, "node worker.js --backtest")],
      survivors: [],
    }),
  ];
}
