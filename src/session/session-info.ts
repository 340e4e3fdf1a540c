import * as v from "valibot";
import type { JudgedClaim } from "../lock/claim-directory.ts";
import { identitySchema } from "../lock/claim-record.ts";
import { Failure } from "../failure.ts";
import { namePattern, uidPattern } from "../home/names.ts";
import { readSignal } from "../home/signals.ts";

export const actorSchema = v.object({
  user: v.string(),
  host: v.string(),
  pid: v.number(),
  tty: v.nullable(v.string()),
  name: v.optional(v.string()),
});

const readinessSchema = v.object({
  /** A regular expression for the output. */
  output: v.nullable(v.string()),
  /** A TCP port of this machine that accepts connections. */
  port: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535))),
  /** A shell command that succeeds. */
  command: v.nullable(v.string()),
  timeout_ms: v.pipe(v.number(), v.minValue(0)),
});

/** What tells that an agent is ready; all that is given must hold. */
export type ReadinessProbe = Readonly<v.InferOutput<typeof readinessSchema>>;

const tmuxSchema = v.object({
  /** Where its server listens. Its name tells whose it is; one of another name is never touched. */
  socket: v.string(),
  /** What the tmux session is called. */
  name: v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/)),
  /** The agent's pane in it, and the server's process; null until they are there. */
  pane: v.nullable(v.pipe(v.string(), v.regex(/^%\d+$/))),
  server: v.nullable(identitySchema),
});

/** The tmux session that an agent runs in. */
export type SessionTmux = Readonly<v.InferOutput<typeof tmuxSchema>>;

export const restartPolicies = ["no", "on-failure", "always"] as const;
export type RestartPolicy = (typeof restartPolicies)[number];

export const signalSchema = v.custom<NodeJS.Signals>((name) => typeof name === "string" && readSignal(name) === name);

/** Never init: everything that runs descends from it, and would count as a session's. */
const ownProcessSchema = v.object({
  ...identitySchema.entries,
  pid: v.pipe(v.number(), v.integer(), v.minValue(2)),
});

const launcherSchema = v.object({
  /** The last one that was run, which made a process group of its own; null until its agent is known. */
  process: v.nullable(ownProcessSchema),
  /** How long it may take to return. */
  return_within_ms: v.pipe(v.number(), v.minValue(0)),
  /** How long after that the PID file may take to name the agent. */
  pid_file_within_ms: v.pipe(v.number(), v.minValue(0)),
});

/** A command that starts the agent in the background and returns. */
export type Launcher = Readonly<v.InferOutput<typeof launcherSchema>>;

/**
 * What a session is, as its claim carries it. The keeper publishes it anew at every change, so a reader needs nothing
 * else: who holds the lock, since when, with which processes.
 */
export const sessionSchema = v.object({
  kind: v.literal("session"),
  uid: v.pipe(v.string(), v.regex(uidPattern)),
  id: v.pipe(v.string(), v.regex(namePattern)),
  /** `background`: kept by a keeper of its own; `foreground`: kept by the `run` command itself. */
  mode: v.picklist(["background", "foreground"]),
  /** Of the claim it was taken with; null until it is. */
  token: v.optional(v.nullable(v.number()), null),
  /** Which slot of the lock it has, and how many there are. */
  slot: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 1),
  slots: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 1),
  command: v.pipe(v.array(v.string()), v.minLength(1)),
  cwd: v.string(),
  /** Where its claim was written: a copy of that is no claim on its processes. Null in claims that do not say. */
  state_directory: v.optional(v.nullable(v.string()), null),
  created_at: v.string(),
  started_at: v.nullable(v.string()),
  by: actorSchema,
  owner: v.nullable(v.string()),
  note: v.nullable(v.string()),
  /** `queued`: its keeper waits for the lock; such a session is in no claim yet. */
  phase: v.picklist(["queued", "starting", "running", "restarting", "ending", "ended"]),
  agent: v.nullable(ownProcessSchema),
  /**
   * Whatever the agent has started has a PID that was given out after this one, when the machine had made so many forks.
   * Null while it is not known, and for a session without an agent.
   */
  descent: v.optional(v.nullable(v.object({ after_pid: v.number(), forks: v.number() })), null),
  /** Whether the agent leads a process group of its own, which may then be signalled as a whole. */
  leads_group: v.boolean(),
  /** `-o/--close`: the agent's background children neither hold the lock nor are ended with it. */
  close: v.boolean(),
  /** Null: the command is the agent. */
  launcher: v.optional(v.nullable(launcherSchema), null),
  /** The agent's own PID file, as an absolute path. */
  pid_file: v.optional(v.nullable(v.string()), null),
  /** What asks the agent to end, before it is signalled. */
  stop_command: v.optional(v.nullable(v.pipe(v.array(v.string()), v.minLength(1))), null),
  stop_signal: signalSchema,
  kill_after_ms: v.pipe(v.number(), v.minValue(0)),
  /** The session is ended when it has run so long; null: no limit. */
  max_time_ms: v.nullable(v.pipe(v.number(), v.minValue(0))),
  /** What must be seen before the session counts as running; null: that its agent runs. */
  ready: v.optional(v.nullable(readinessSchema), null),
  ready_at: v.optional(v.nullable(v.string()), null),
  /** The session is ended when it has been silent (no output, no client) so long; null: no limit. */
  idle_ms: v.optional(v.nullable(v.pipe(v.number(), v.minValue(0))), null),
  /** About how much of its output is kept, in bytes; null: all of it. */
  max_output_bytes: v.optional(v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1))), null),
  /** Why no less of it can be kept here, once that was tried; null: nothing is known to prevent it. */
  output_problem: v.optional(v.nullable(v.string()), null),
  /** Whether its agent is started again when it ended by itself. */
  restart: v.optional(v.picklist(restartPolicies), "no"),
  max_restarts: v.optional(v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0))), null),
  /** How often it was. */
  restarts: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
  /** When it will be, while it waits for that. */
  restart_at: v.optional(v.nullable(v.string()), null),
  /** Null: its agent runs without a terminal. */
  tmux: v.optional(v.nullable(tmuxSchema), null),
});

export type SessionInfo = Readonly<v.InferOutput<typeof sessionSchema>>;

/** Whether its agent runs and is not only on its way to be ready. */
export function isReady({ phase }: SessionInfo): boolean {
  return phase !== "queued" && phase !== "starting" && phase !== "restarting";
}

/** Whether two sessions run the same command, word by word. */
export function isSameCommand(
  one: { readonly command: readonly string[] },
  other: { readonly command: readonly string[] },
): boolean {
  return JSON.stringify(one.command) === JSON.stringify(other.command);
}

/**
 * The longest that its processes are asked to end before they are killed: a stop command has as long as the signal.
 * @param killAfterMs as it was ordered, if not as the session was started with
 */
export function longestGraceMs(
  { kill_after_ms: ownMs, stop_command: stopCommand }: SessionInfo,
  killAfterMs: number = ownMs,
): number {
  return stopCommand === null ? killAfterMs : 2 * killAfterMs;
}

/**
 * What a claim is held for. `unsettled` lists sessions that an earlier holder never ended: absent until the holder
 * has looked, so that a holder that dies early does not hide them.
 */
const holdSchema = v.object({
  session: v.nullable(sessionSchema),
  unsettled: v.optional(v.array(sessionSchema)),
});

export type Hold = Readonly<v.InferOutput<typeof holdSchema>>;

/** @throws Failure `DATA` when the claim carries something else */
export function holdOf(claim: JudgedClaim): Hold {
  const parsed = v.safeParse(holdSchema, claim.record.info);
  if (parsed.success) return asHeld(parsed.output, claim);
  const issue = parsed.issues[0];
  throw new Failure(
    "DATA",
    `This claim cannot be read: info.${v.getDotPath(issue) ?? ""}: ${issue.message}\n${claim.path}`,
    {
      facts: { path: claim.path },
      next: [{ does: "repair it", command: "holdfast cleanup --damaged" }],
    },
  );
}

const leftSchema = v.object({ unsettled: v.array(sessionSchema) });

/**
 * What a claim lists as unsettled, which is all that counts of one that was given back: checking the whole session that it
 * was held for takes longer than anything else that the next holder does. Undefined when it has no such list.
 */
export function unsettledOf(claim: JudgedClaim): readonly SessionInfo[] | undefined {
  const parsed = v.safeParse(leftSchema, claim.record.info);
  return parsed.success ? parsed.output.unsettled : undefined;
}

/** Until its holder has looked around, a claim carries the session as it was wanted, perhaps long before its turn. */
function asHeld(hold: Hold, { number, record }: JudgedClaim): Hold {
  const { session } = hold;
  if (session === null || session.token !== null) return hold;
  return { ...hold, session: { ...session, token: number, created_at: record.since } };
}

/** What a waiter's ticket says of it. */
const waiterSchema = v.object({
  id: v.string(),
  uid: v.optional(v.string()),
  by: actorSchema,
  command: v.array(v.string()),
  /** `background`: a keeper waits, and nobody sits before a terminal. */
  mode: v.optional(v.picklist(["background", "foreground"])),
  owner: v.optional(v.nullable(v.string())),
  note: v.optional(v.nullable(v.string())),
});

export type WaiterInfo = Readonly<v.InferOutput<typeof waiterSchema>>;

/** Null for a ticket that says nothing readable; it is still somebody's place in line. */
export function waiterOf(ticket: JudgedClaim): WaiterInfo | null {
  const parsed = v.safeParse(waiterSchema, ticket.record.info);
  return parsed.success ? parsed.output : null;
}
