import { appendFileSync, chownSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { badContents } from "../support/bad-input.ts";
import { actingCommands, callSafely, lookingCommands } from "../support/every-command.ts";
import { isAlive } from "../support/live-processes.ts";
import { oddFiles } from "../support/odd-files.ts";
import { startSession, type StartedSession } from "../support/sessions.ts";
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

/** How many files of each kind are bad at once. */
const each = 3;
const rounds = Array.from({ length: Math.ceil(spoils.length / each) }, (_, round) => round);

interface Place {
  readonly workspace: Workspace;
  /** The session that lives. */
  readonly live: StartedSession;
  /** Some that have ended. */
  readonly past: readonly StartedSession[];
}

async function openPlace(): Promise<Place> {
  const workspace = openWorkspace();
  const past: StartedSession[] = [];
  for (let count = 0; count < each; count += 1) {
    past.push(await startSession(workspace, agent("sleeper.sh"), { id: "past" }));
    await workspace.holdfast(["stop"]);
  }
  await workspace.holdfast(["run", "--id", "fine", "true"]);
  const live = await startSession(workspace, agent("sleeper.sh"), { id: "live" });
  return { workspace, live, past };
}

/** Files beside the claim that holds the lock, and what would be in them. */
function filesBeside({ live, past }: Place): readonly (readonly [path: string, like: string])[] {
  const claim = "claims/session.1";
  const numbers = Array.from({ length: each }, (_, index) => index + 1);
  return [
    ...numbers.map((number) => [`claims/session.${number}`, claim] as const),
    ...numbers.map((number) => [`claims/other${number}.5`, claim] as const),
    ...numbers.map((number) => [`claims/session~${number + 1}.2`, claim] as const),
    ...numbers.map((number) => [`queue/session.${number}`, claim] as const),
    ...past.map(({ uid }) => [`sessions/${uid}/record.json`, `sessions/${uid}/record.json`] as const),
    ...past.map(({ uid }) => [`sessions/${uid}/output.log`, `sessions/${uid}/output.log`] as const),
    ...numbers.map((number) => [`sessions/${live.uid}/clients/01client${number}.json`, claim] as const),
    [`sessions/${live.uid}/stop.json`, claim],
    [`sessions/${live.uid}/orphaned.json`, claim],
    [`sessions/${live.uid}/output.json`, claim],
    ["hooks.json", claim],
  ];
}

/** Makes them bad, each in another way. @returns which in what way */
function spoilAll(place: Place, round: number): readonly string[] {
  const { state } = place.workspace;
  const files = filesBeside(place).map(([path, like]) => ({ path, good: readFileSync(join(state, like)) }));
  const told = files.map(({ path, good }, index) => {
    const [how, spoil] = spoils[(index + round * each) % spoils.length] ?? ["", () => undefined];
    mkdirSync(dirname(join(state, path)), { recursive: true });
    rmSync(join(state, path), { recursive: true, force: true });
    spoil(join(state, path), good);
    return `${path}: ${how}`;
  });
  appendFileSync(join(state, "holdfast.log"), badContents.get("raw-controls.txt") ?? "");
  return told;
}

describe("a state directory in which everything beside the lock's claim is bad", () => {
  it.each(rounds)("(round %i): nothing crashes, hangs or is lost, and the session lives", patient, async (round) => {
    const place = await openPlace();
    const { workspace, live } = place;
    const what = spoilAll(place, round);
    for (const words of lookingCommands) await callSafely(workspace, words);
    expect({ what, isAlive: isAlive(live.pid) }).toEqual({ what, isAlive: true });
    for (const words of actingCommands) await callSafely(workspace, words);
    expect({ what, isAlive: isAlive(live.pid) }).toEqual({ what, isAlive: false });
  });
});

describe.each([".holdfast/holdfast.log", "holdfast.json"])("%s that is bad", (name) => {
  it("crashes and hangs no command; whoever cannot go on names it; nothing is wrong without it", patient, async () => {
    const workspace = openWorkspace();
    const path = join(workspace.root, name);
    await workspace.holdfast(["run", "true"]);
    const good = name.endsWith(".log") ? readFileSync(path) : Buffer.from('{"stop": {"kill_after": "1s"}}\n');
    for (const [how, spoil] of spoils) {
      rmSync(path, { recursive: true, force: true });
      spoil(path, good);
      for (const words of [["status"], ["logs"], ["stats"], ["run", "-n", "true"], ["cleanup", "--dry-run"]]) {
        const { exitCode, stdout, stderr } = await callSafely(workspace, words);
        const isNamed = exitCode === 0 || `${stdout}${stderr}`.includes(path);
        expect({ how, words, isNamed, stderr }).toMatchObject({ isNamed: true });
      }
    }
    rmSync(path, { recursive: true, force: true });
    expect((await workspace.holdfast(["run", "-n", "true"])).exitCode).toBe(0);
  });
});
