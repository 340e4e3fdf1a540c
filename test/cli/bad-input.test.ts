import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { badContents } from "../support/bad-input.ts";
import { actingCommands, callSafely, lookingCommands } from "../support/every-command.ts";
import { isAlive } from "../support/live-processes.ts";
import { oddFiles } from "../support/odd-files.ts";
import { expectFree, startSession, type StartedSession } from "../support/sessions.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const patient = { timeout: 240_000 };

/** Makes a file bad. @param good what would be there */
type Spoil = (path: string, good: Buffer) => void;

function spoilt(content: (good: Buffer) => Buffer): Spoil {
  return (path, good) => writeFileSync(path, content(good), { mode: 0o600 });
}

const spoils: readonly (readonly [string, Spoil])[] = [
  ...Object.entries(oddFiles),
  ["cut off", spoilt((good) => good.subarray(0, good.length / 3))],
  [
    "of the future",
    (path, good) => {
      writeFileSync(path, good, { mode: 0o600 });
      utimesSync(path, new Date("2099-01-01"), new Date("2099-01-01"));
    },
  ],
  [
    "with every text an escape sequence",
    spoilt((good) =>
      Buffer.from(
        good.toString().replaceAll(/"([a-z]{4,})"(?=[,\]}])/g, String.raw`"\u001b[31m\u009b2J\u202e$1\u0007"`),
      ),
    ),
  ],
  ...[
    "empty",
    "binary",
    "nul-line",
    "controls.txt",
    "raw-controls.txt",
    "deep.txt",
    "paths.txt",
    "version-newer.txt",
  ].map((name): readonly [string, Spoil] => [name, spoilt(() => badContents.get(name) ?? Buffer.from(""))]),
  ...(process.getuid?.() === 0
    ? [
        [
          "another user's",
          (path: string, good: Buffer) => {
            writeFileSync(path, good, { mode: 0o600 });
            chownSync(path, 65_534, 65_534);
          },
        ] as const,
      ]
    : []),
];

interface Place {
  readonly workspace: Workspace;
  /** The session that lives. */
  readonly live: StartedSession;
  /** One that has ended. */
  readonly past: StartedSession;
}

async function openPlace(): Promise<Place> {
  const workspace = openWorkspace();
  const past = await startSession(workspace, agent("sleeper.sh"), { id: "past" });
  await workspace.holdfast(["stop"]);
  await workspace.holdfast(["run", "--id", "fine", "true"]);
  const live = await startSession(workspace, agent("sleeper.sh"), { id: "live" });
  return { workspace, live, past };
}

/** The files beside the claim that holds the lock, and what would be in them. */
const beside: readonly (readonly [string, (place: Place) => { readonly path: string; readonly like: string }])[] = [
  ["an old claim", () => ({ path: "claims/session.1", like: "claims/session.1" })],
  ["another lock's claim", () => ({ path: "claims/other.5", like: "claims/session.1" })],
  ["a claim of the second slot", () => ({ path: "claims/session~2.2", like: "claims/session.1" })],
  ["a ticket", () => ({ path: "queue/session.1", like: "claims/session.1" })],
  ["a record", ({ past }) => ({ path: `sessions/${past.uid}/record.json`, like: `sessions/${past.uid}/record.json` })],
  [
    "an ended output",
    ({ past }) => ({ path: `sessions/${past.uid}/output.log`, like: `sessions/${past.uid}/output.log` }),
  ],
  ["a client", ({ live }) => ({ path: `sessions/${live.uid}/clients/01client.json`, like: `claims/session.1` })],
  [
    "a stop request",
    ({ live, past }) => ({ path: `sessions/${live.uid}/stop.json`, like: `sessions/${past.uid}/stop.json` }),
  ],
  ["a note of an orphan", ({ live }) => ({ path: `sessions/${live.uid}/orphaned.json`, like: `claims/session.1` })],
  ["where an output was cut", ({ live }) => ({ path: `sessions/${live.uid}/output.json`, like: `claims/session.1` })],
  ["the consent to hooks", () => ({ path: "hooks.json", like: "claims/session.1" })],
];

/** Everything beside the lock's own claim is bad, each in another way. @returns what became of which file */
function spoilAll(place: Place, round: number): string {
  const { state } = place.workspace;
  const told = beside.map(([what, find], index) => {
    const { path, like } = find(place);
    const [how, spoil] = spoils[(index + round) % spoils.length] ?? spoils[0] ?? ["", () => undefined];
    const good = readFileSync(join(state, like));
    mkdirSync(dirname(join(state, path)), { recursive: true });
    rmSync(join(state, path), { recursive: true, force: true });
    spoil(join(state, path), good);
    return `${what}: ${how}`;
  });
  appendFileSync(join(state, "holdfast.log"), badContents.get("raw-controls.txt") ?? "");
  return told.join("; ");
}

describe("a state directory in which everything beside the lock's claim is bad", () => {
  it.each(spoils.map((_, round) => round))(
    "(round %i): nothing crashes, hangs or is lost, and the session lives",
    patient,
    async (round) => {
      const place = await openPlace();
      const { workspace, live } = place;
      const what = spoilAll(place, round);
      for (const words of lookingCommands) await callSafely(workspace, words);
      expect({ what, alive: isAlive(live.pid) }).toEqual({ what, alive: true });
      for (const words of actingCommands) await callSafely(workspace, words);
      expect({ what, alive: isAlive(live.pid) }).toEqual({ what, alive: false });
      expect(existsSync("/etc/passwd")).toBe(true);
    },
  );
});
