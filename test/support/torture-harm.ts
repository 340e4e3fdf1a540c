import { appendFileSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { environmentOf, type LiveProcess } from "./live-processes.ts";
import { choose, pick } from "./torture-plan.ts";
import type { TortureGround } from "./torture-ground.ts";
import { bin } from "./workspace.ts";

type Kind = "keeper" | "command" | "agent" | "child";

/** So that there is time in which all is in order again. */
const deletionsApartSeconds = 10;

type Do = (ground: TortureGround, random: () => number) => void;

function kindOf({ command }: LiveProcess): Kind {
  if (command.includes("dist/keeper.js")) return "keeper";
  if (command.includes(bin)) return "command";
  return command.includes("witness.sh") ? "agent" : "child";
}

/** What may be done to processes and files behind holdfast's back. */
export const harms = {
  killKeeper: (ground, random) => killOne(ground, random, "keeper"),
  killCommand: (ground, random) => killOne(ground, random, "command"),
  killAgent: (ground, random) => killOne(ground, random, "agent"),
  killChild: (ground, random) => killOne(ground, random, "child"),

  /** An agent, all that has its session's cookie, and its keeper, in any order. */
  killSession(ground, random) {
    const everyone = ground.workspace.processes();
    const victim = pick(random, everyone.filter((each) => kindOf(each) === "agent")); // prettier-ignore
    if (victim === undefined) return;
    const cookie = environmentOf(victim.pid, "HOLDFAST_SESSION");
    const all = everyone.filter(
      ({ pid }) => pid === victim.ppid || (cookie !== undefined && environmentOf(pid, "HOLDFAST_SESSION") === cookie),
    );
    for (const each of random() < 0.5 ? all : all.toReversed()) ground.kill(each, `${kindOf(each)} of a session`);
  },

  freeze(ground, random) {
    const victim = pick(random, ground.workspace.processes());
    if (victim !== undefined) ground.freeze(victim, kindOf(victim), 20 + random() ** 2 * 2_500);
  },

  /** Signals that ask for an end, to who waits or keeps a session. */
  interrupt(ground, random) {
    const victim = pick(random, ground.workspace.processes().filter((each) => ["keeper", "command"].includes(kindOf(each)))); // prettier-ignore
    if (victim !== undefined) ground.kill(victim, kindOf(victim), choose(random, "SIGTERM", "SIGINT", "SIGHUP"));
  },

  garble(ground, random) {
    const file = pick(random, damageable(ground, random));
    if (file === undefined) return;
    ground.count("garble");
    ground.note(`garble ${file}`);
    garble(file, random);
  },

  deleteState(ground) {
    const now = Date.now() / 1000;
    if (now - (ground.deletions.at(-1) ?? 0) < deletionsApartSeconds) return;
    ground.deletions.push(now);
    ground.count("delete the state directory");
    ground.note("delete the state directory");
    ground.events();
    try {
      rmSync(ground.workspace.state, { recursive: true });
    } catch {
      // Whatever is made meanwhile is in its way, as for anybody who does this.
    }
    ground.logWasDeleted();
  },
} satisfies Record<string, Do>;

function killOne(ground: TortureGround, random: () => number, kind: Kind): void {
  const victim = pick(random, ground.workspace.processes().filter((each) => kindOf(each) === kind)); // prettier-ignore
  if (victim !== undefined) ground.kill(victim, kind);
}

/**
 * Claims, tickets, or what is kept of sessions. With a lease the last claim is left alone: `cleanup` takes the lock over
 * a damaged one that no kernel lock protects, as it says, also when its owner lives.
 */
function damageable(ground: TortureGround, random: () => number): readonly string[] {
  const { state } = ground.workspace;
  const claims = numbered(join(state, "claims"));
  const sessions = filesOf(join(state, "sessions")).toReversed().slice(0, 3);
  return choose<readonly string[]>(
    random,
    ground.pulse === "kernel" ? claims.slice(-1) : [],
    claims.slice(-3, -1),
    numbered(join(state, "queue")),
    sessions.flatMap((directory) => filesOf(directory).concat(filesOf(join(directory, "clients")))),
  ).filter((path) => !path.endsWith("/clients"));
}

/** In ascending order. */
function numbered(directory: string): readonly string[] {
  const numberOf = (path: string) => Number(path.slice(path.lastIndexOf(".") + 1));
  const names = filesOf(directory).filter((path) => /\/session\.\d+$/.test(path));
  return names.toSorted((a, b) => numberOf(a) - numberOf(b));
}

function filesOf(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch {
    return [];
  }
}

/** In place, as a failing disk would: the file stays the same file. */
function garble(path: string, random: () => number): void {
  try {
    const bytes = readFileSync(path);
    const at = Math.floor(random() * bytes.length);
    const how = Math.floor(random() * 4);
    if (how === 0) truncateSync(path, at);
    else if (how === 1) writeFileSync(path, Buffer.alloc(0));
    else if (how === 2) writeFileSync(path, bytes.fill(0xff, at));
    else appendFileSync(path, `{"schema_version":1,"state":"rel`);
  } catch {
    // It is gone.
  }
}
