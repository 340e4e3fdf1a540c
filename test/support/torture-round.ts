import { setTimeout as sleep } from "node:timers/promises";
import { calls } from "./torture-calls.ts";
import { besideOthers, lastWords, tokensThatFell, whatIsLeft, wrongEnds } from "./torture-checks.ts";
import { TortureGround } from "./torture-ground.ts";
import { harms } from "./torture-harm.ts";
import { choose, plan, type Weights } from "./torture-plan.ts";
import { seededRandom } from "./seeded-random.ts";
import { until } from "./until.ts";

type Action = keyof typeof calls | keyof typeof harms;

const ordinary: Weights<Action> = { start: 16, run: 16, stop: 5, join: 3, joinToRun: 1, leave: 1, look: 2, wait: 2 };
const killing: Weights<Action> = { killKeeper: 9, killCommand: 5, killAgent: 5, killChild: 3, killSession: 5 };

/** What is done in a phase. What is promised differs, see `wrongAfter`. */
const phases = {
  /** Processes are killed and stopped, files are left alone. */
  killed: { ...ordinary, ...killing, freeze: 10, interrupt: 3, reap: 4, cleanup: 0.5 },
  /** Claims and other files are damaged, too. */
  damaged: { ...ordinary, ...killing, freeze: 5, reap: 4, cleanup: 3, garble: 14 },
  /** The directory is removed, under those who run and wait. */
  deleted: { ...ordinary, killAgent: 4, interrupt: 3, reap: 2, cleanup: 1, deleteState: 2 },
} satisfies Record<string, Weights<Action>>;

/** The answers that are right there, and nowhere else. */
const answers: Record<keyof typeof phases, readonly string[]> = {
  killed: [],
  damaged: ["DATA"],
  deleted: ["IO", "LOCK_LOST"],
};

export type Phase = keyof typeof phases;

/**
 * How long after a deletion a newcomer may run beside an older session: until that one's keeper has looked, within a
 * second, and has ended it, within another; and three for a busy machine.
 */
const besideAfterDeletionSeconds = 5;

/** Not more at once than a small machine can bear. */
const [mostQuick, mostStaying] = [5, 8];
const everyMs = 30;

export interface RoundOptions {
  readonly phase: Phase;
  readonly pulse: "kernel" | "lease";
  /** With the phase, all that decides over what is done. */
  readonly seed: number;
  readonly forMs: number;
}

export interface Round {
  readonly wrong: readonly string[];
  /** Where to look; null when nothing is wrong. */
  readonly evidence: string | null;
  readonly grants: number;
  readonly kills: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** Does what the seed says for so long, cleans up once, and looks what is wrong. */
export async function tortureRound({ phase, pulse, seed, forMs }: RoundOptions): Promise<Round> {
  const random = seededRandom(seed);
  const ground = new TortureGround({
    name: `${phase}-${pulse}-${seed}`,
    pulse,
    mayFailWith: answers[phase],
    configuration: { stop: { kill_after: "1s" }, limits: { reap_orphans: choose(random, true, false) } },
  });
  await perform(ground, phase, seed, forMs);
  await settle(ground);
  for (const wrong of await wrongAfter(ground, phase)) ground.complain(wrong);
  const verdict = ground.verdict();
  return {
    wrong: verdict?.wrong ?? [],
    evidence: verdict?.evidence ?? null,
    grants: ground.grants().length,
    kills: [...ground.counts].reduce((sum, [what, count]) => (what.startsWith("SIGKILL") ? sum + count : sum), 0),
    counts: Object.fromEntries([...ground.counts].toSorted(([a], [b]) => a.localeCompare(b))),
  };
}

async function perform(ground: TortureGround, phase: Phase, seed: number, forMs: number): Promise<void> {
  const deadline = performance.now() + forMs;
  const actions = { ...calls, ...harms };
  for (const { action, afterMs, random } of plan<Action>(seed, phases[phase], everyMs)) {
    await sleep(afterMs);
    if (performance.now() > deadline) return;
    const isCall = action in calls;
    if (isCall && (ground.running(false) >= mostQuick || ground.running(true) >= mostStaying)) ground.count("too much");
    else actions[action](ground, random);
  }
}

/** Everybody goes on. Who is on the way gets where it is going, and one clean-up ends all the rest. */
async function settle(ground: TortureGround): Promise<void> {
  ground.thawAll();
  const isOnItsWay = ({ args: [verb = "", ...args] }: { readonly args: readonly string[] }) => {
    if (!["run", "start"].includes(verb)) return !["join", "wait"].includes(verb);
    const id = args.find((arg) => /^s\d+$/.test(arg)) ?? "";
    return !(ground.hasEvent("queued", id) || (verb === "run" && ground.hasEvent("claimed", id)));
  };
  await until(() => !ground.unanswered().some(isOnItsWay), { withinMs: 60_000, what: "nobody is on the way" });
  ground.note("the one clean-up");
  calls.cleanup(ground);
  await ground.answered();
}

async function wrongAfter(ground: TortureGround, phase: Phase): Promise<string[]> {
  const isKilled = phase === "killed";
  const isExcused = (seconds: number) =>
    ground.deletions.some((at) => seconds > at && seconds < at + besideAfterDeletionSeconds);
  return [
    ...besideOthers(ground, isExcused),
    ...(phase === "deleted" ? [] : tokensThatFell(ground)),
    ...wrongEnds(ground, { atMost: !isKilled }),
    ...ground.unreadableLines.map((line) => `not an event: ${line}`),
    ...(isKilled ? lastWords(ground) : []),
    ...(await whatIsLeft(ground)),
  ];
}
