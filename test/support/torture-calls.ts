import { environmentOf } from "./live-processes.ts";
import type { Json, Outcome } from "./program.ts";
import { choose } from "./torture-plan.ts";
import type { TortureGround } from "./torture-ground.ts";
import { agent } from "./workspace.ts";

type Do = (ground: TortureGround, random: () => number) => void;

/** Somebody else is there, or was: how any call may fail that wants the lock. */
const taken = ["BUSY", "AGENTS_RUNNING", "WAIT_TIMEOUT"];
/** There is no such session, any more or yet. */
const absent = ["NO_SESSION", "SESSION_MISMATCH"];

function agentCommand(random: () => number): string[] {
  const kind = choose(random, "plain", "plain", "plain", "parent", "daemon", "stubborn", "crashes");
  const seconds = (0.05 + random() ** 3 * 2).toFixed(2);
  return agent("witness.sh", kind, seconds, Math.floor(random() * 3));
}

/** The commands that may be called, each with what must be true when it says that it is done. */
export const calls = {
  start(ground, random) {
    const id = ground.newId();
    const options = choose<string[]>(
      random,
      [],
      ["--wait", "2s"],
      ["--wait", "4s"],
      ["--queue"],
      ["--queue"],
      ["--queue", "--wait", "3s"],
      ["--or-join"],
      ["--max-time", "500ms"],
      ["--ready-output", "ready", "--ready-timeout", "3s"],
      ["--restart", "on-failure", "--max-restarts", "2"],
    );
    ground.call({
      args: ["start", id, ...options, "--json", "--", ...agentCommand(random)],
      mayFailWith: [...taken, "START_FAILED"],
      stays: options.includes("--wait"),
      whatIsWrong: ({ queued, session }) => missing(ground, queued ? ["queued"] : ["claimed", "started"], session.uid),
    });
  },

  run(ground, random) {
    const id = ground.newId();
    const options = choose<string[]>(random, [], [], ["-n"], ["-w", "1s"], ["--timeout", "400ms"]);
    ground.call({
      args: ["run", "--id", id, ...options, "--json", "--", ...agentCommand(random)],
      mayFailWith: [...taken, "RUN_TIMEOUT"],
      stays: true,
      whatIsWrong: (_, { exitCode }) => [
        ...missing(ground, ["claimed", "started", "ended"], id),
        ...(exitCode === 70 ? ["a bug, it says"] : []),
      ],
    });
  },

  stop(ground, random) {
    const options = choose<string[]>(random, [], [], ["--kill-after", "100ms"], ["--signal", "INT"], ["-s", "KILL"]);
    ground.call({
      args: ["stop", ...someId(ground, random), ...options, "--reason", "torture", "--json"],
      mayFailWith: absent,
      stays: true,
      whatIsWrong: ({ kind, session }) =>
        kind === "waiter"
          ? []
          : [...missing(ground, ["stop_requested", "ended"], session.uid), ...alive(ground, session)],
    });
  },

  join(ground, random) {
    const client = ground.workspace.spawn(["sleep", (0.5 + random() * 2).toFixed(2)]);
    ground.call({
      args: ["join", "--pid", String(client.pid), "--as", choose(random, "ann", "bob"), "--json"],
      mayFailWith: [...absent, "AGENTS_RUNNING", "USAGE"],
      whatIsWrong: ({ client: { uid } }) =>
        ground.events().some(({ event, client: joined }: Json) => event === "joined" && joined.uid === uid)
          ? []
          : [`client ${uid} is not in the log`],
    });
  },

  joinToRun(ground, random) {
    const command = ["sleep", (random() / 2).toFixed(2)];
    ground.call({ args: ["join", "--", ...command], mayFailWith: [...absent, "AGENTS_RUNNING"], stays: true });
  },

  leave(ground, random) {
    ground.call({
      args: ["leave", "--as", choose(random, "ann", "bob"), "--json"],
      mayFailWith: [...absent, "AGENTS_RUNNING"],
      whatIsWrong: ({ left }) => {
        const gone = ground.events().flatMap(({ event, client }: Json) => (event === "left" ? [client.uid] : []));
        return left.flatMap(({ uid }: Json) => (gone.includes(uid) ? [] : [`client ${uid} left, but not in the log`]));
      },
    });
  },

  look(ground, random) {
    const command = choose<string[]>(random, ["status"], ["status"], ["list"], ["list", "--ended"], ["logs"]);
    ground.call({ args: [...command, "--json"], mayFailWith: [], whatIsWrong: unlessDone(ground) });
  },

  wait(ground, random) {
    const until = choose<string[]>(random, ["ended"], ["free"], ["ready"]);
    ground.call({
      args: ["wait", ...someId(ground, random), "--until", ...until, "--timeout", "2s", "--json"],
      mayFailWith: [...absent, "AGENTS_RUNNING", "WAIT_TIMEOUT"],
      stays: true,
    });
  },

  reap(ground, random) {
    const command = choose<string[]>(random, ["cleanup", "--orphans"], ["watch", "--once"]);
    ground.call({ args: [...command, "--json"], mayFailWith: [], stays: true, whatIsWrong: unlessDone(ground) });
  },

  cleanup(ground) {
    ground.call({ args: ["cleanup", "--json"], mayFailWith: [], stays: true, whatIsWrong: unlessDone(ground) });
  },
} satisfies Record<string, Do>;

/** A session of late, or whatever is active. */
function someId(ground: TortureGround, random: () => number): string[] {
  const ago = Math.floor(random() * 6);
  return ago === 0 || ground.idsGiven <= ago ? [] : [`s${ground.idsGiven - ago}`];
}

function missing(ground: TortureGround, kinds: readonly string[], session: string): string[] {
  return kinds.filter((kind) => !ground.hasEvent(kind, session)).map((kind) => `${session}: no ${kind} in the log`);
}

/** What is left of a session that is said to have been stopped. */
function alive(ground: TortureGround, { uid }: { readonly uid: string }): string[] {
  const left = ground.workspace.agents().filter(({ pid }) => environmentOf(pid, "HOLDFAST_SESSION") === uid);
  return left.map(({ pid, command }) => `${uid} was stopped, but ${pid} (${command}) lives`);
}

/** What is damaged may not be cleaned up while somebody holds it, which is an answer, too. */
function unlessDone(ground: TortureGround) {
  return (document: Json, { exitCode }: Outcome) =>
    exitCode === 0 || !ground.isIntact ? [] : [`exit code ${exitCode}: ${JSON.stringify(document)}`];
}
