import { errorText, type Failure } from "../failure.ts";
import type { Actor } from "../journal/event.ts";
import type { HeldLock } from "../lock/lock.ts";
import { systemClock } from "../process/clock.ts";
import type { ProcessIdentity } from "../process/identity.ts";
import { terminate, type TerminateResult } from "../process/terminate.ts";
import { findTree } from "../process/tree.ts";
import { lastSignOfLife } from "../session/activity.ts";
import type { Context } from "../session/context.ts";
import { secondsBetween, writeEnd, type EndReason, type SessionEnd } from "../session/session-end.ts";
import { makeSessionDirectory, sessionFiles } from "../session/session-files.ts";
import type { Hold, SessionInfo } from "../session/session-info.ts";
import { readStopRequest } from "../session/stop-request.ts";
import { rootsOf } from "../session/unsettled.ts";
import { spawnAgent, type Agent, type AgentExit, type AgentSpec } from "./agent.ts";
import { mayHaveLeftovers } from "./leftovers.ts";
import { SessionLimits } from "./session-limits.ts";

/** Why and how a session is to be ended. */
export interface EndOrder {
  readonly reason: Exclude<EndReason, "exited" | "signalled" | "lost">;
  readonly signal?: NodeJS.Signals;
  readonly killAfterMs?: number;
  readonly by?: Actor;
  readonly stopReason?: string;
}

export interface KeptSession {
  readonly exit: AgentExit;
  readonly end: SessionEnd;
}

/** How often the keeper looks whether its claim still stands and whether it is asked to stop. */
const lookEveryMs = 1_000;

/**
 * Holds one session, whoever it runs in: the background keeper, or `run` itself.
 *
 *     starting ──launch──▶ running ──agent exits──────────▶ ending ──▶ ended
 *        │                    └──order (stop, limit, lost)──▶ ▲
 *        └──cannot start──────────────────────────────────────┘
 *
 * Ending: end what still runs, write the end, give the lock back; each whatever became of the one before.
 */
export class SessionKeeper {
  readonly #context: Context;
  readonly #held: HeldLock;
  readonly #ordered: Promise<EndOrder>;
  #order: EndOrder | null = null;
  #placeOrder: (order: EndOrder) => void = () => undefined;
  readonly #ending = new AbortController();
  readonly #urgent = new AbortController();
  #hold: Hold;
  #session: SessionInfo;
  #agent: Agent | null = null;
  #watch: NodeJS.Timeout | undefined;
  #limits: SessionLimits | null = null;
  #lastComplaint = "";

  constructor(context: Context, held: HeldLock, hold: Hold, session: SessionInfo) {
    this.#context = context;
    this.#held = held;
    this.#hold = hold;
    this.#session = session;
    this.#ordered = new Promise((resolve) => {
      this.#placeOrder = resolve;
    });
    held.lost.addEventListener("abort", () => this.#loseLock(), { once: true });
  }

  get session(): SessionInfo {
    return this.#session;
  }

  /** Starts the agent and publishes it, so that whoever finds this keeper dead knows what it left. */
  async launch(spec: AgentSpec): Promise<Agent> {
    this.#agent = await spawnAgent(spec);
    this.#publish({ agent: this.#agent.identity, leads_group: spec.ownGroup });
    this.#watch = setInterval(() => void this.#look(), lookEveryMs);
    this.#limits = new SessionLimits(
      this.#context,
      () => this.#session,
      (reason) => this.end({ reason }),
    );
    return this.#agent;
  }

  /** The agent runs. @param durable on disk when this returns: for those who are told of it */
  declareStarted(agent: Agent, durable: boolean): void {
    const phase = this.#session.ready === null ? "running" : "starting";
    this.#publish({ phase, started_at: new Date().toISOString() });
    this.#context.journal.append(
      { ...this.#subject(), event: "started", command: [...this.#session.command], pid: agent.pid },
      { durable },
    );
  }

  /** The agent is ready: what it was started for can begin. */
  declareReady(): void {
    const now = new Date();
    this.#publish({ phase: "running", ready_at: now.toISOString() });
    const afterSeconds = secondsBetween(this.#session.started_at ?? this.#session.created_at, now);
    this.#context.journal.append(
      { ...this.#subject(), event: "ready", after_seconds: afterSeconds },
      { durable: true },
    );
  }

  /** Fires when the session is to end. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  /** Orders the end. The first order counts; a later one that leaves no time ends the grace period. */
  end(order: EndOrder): void {
    if (this.#order !== null) {
      if (order.signal === "SIGKILL" || order.killAfterMs === 0) this.#urgent.abort();
      return;
    }
    this.#order = order;
    this.#ending.abort();
    this.#placeOrder(order);
  }

  /** Ends the session as `stop` asks in its request file, or as configured. */
  endAsRequested(): void {
    const request = readStopRequest(this.#context.home, this.#session.uid);
    this.end({
      reason: "stopped",
      ...(request?.signal == null ? {} : { signal: request.signal }),
      ...(request?.kill_after_ms == null ? {} : { killAfterMs: request.kill_after_ms }),
      ...(request === null ? {} : { by: request.by }),
      ...(request?.reason == null ? {} : { stopReason: request.reason }),
    });
  }

  /** Ends the session if a stop request waits for this keeper; false when none does. */
  endIfRequested(): boolean {
    if (readStopRequest(this.#context.home, this.#session.uid) === null) return false;
    this.endAsRequested();
    return true;
  }

  /** Keeps the session until its agent is gone or its end is ordered, then ends it. */
  async keep(agent: Agent): Promise<KeptSession> {
    const first = await Promise.race([agent.exited, this.#ordered]);
    const order = "reason" in first ? first : null;
    this.#tryTo("publish", () => this.#publish({ phase: "ending" }));
    const terminated = await this.#endProcesses(agent, order);
    const exit = await this.#exitOf(agent);
    return { exit, end: await this.#close(reasonOf(order, exit), exit, terminated) };
  }

  /** Ends a session whose agent did not come to run: nothing of it stays but its line in the log. */
  async abandon(failure: Failure | null): Promise<SessionEnd> {
    const { code: reason = "INTERNAL", message = "" } = failure ?? {};
    this.#tryTo("log", () =>
      this.#context.journal.append({ ...this.#subject(), event: "start_failed", reason, message }),
    );
    const agent = this.#agent;
    const order = this.#order ?? { reason: "start_failed" };
    if (agent === null) return this.#close(order.reason, null, nothingEnded);
    const terminated = await this.#endProcesses(agent, order);
    return this.#close(order.reason, await this.#exitOf(agent), terminated);
  }

  /** Writes the end and gives the lock back. */
  async #close(reason: EndReason, exit: AgentExit | null, terminated: TerminateResult): Promise<SessionEnd> {
    const endedAt = new Date();
    const end: SessionEnd = {
      ended_at: endedAt.toISOString(),
      duration_seconds: secondsBetween(this.#session.created_at, endedAt),
      reason,
      exit_code: exit?.code ?? null,
      signal: exit?.signal ?? null,
      last_activity: lastSignOfLife(this.#context.home, this.#session).toISOString(),
      ended_by: this.#order?.by ?? null,
      stop_reason: this.#order?.stopReason ?? null,
      processes: [...terminated.ended],
      survivors: terminated.survivors.map(({ pid, command }) => ({ pid, command })),
    };
    // The hook of `ended` may start the next session.
    await this.#context.hooks.hold(() => this.#giveBack(end, terminated));
    clearInterval(this.#watch);
    this.#limits?.clear();
    return end;
  }

  async #giveBack(end: SessionEnd, terminated: TerminateResult): Promise<void> {
    for (const problem of writeEnd(this.#context, this.#session, end)) this.#complain("end", problem);
    const left = terminated.survivors.length > 0 ? [this.#session] : [];
    const unsettled = [...(this.#hold.unsettled ?? []), ...left];
    try {
      await this.#held.release({ session: { ...this.#session, phase: "ended" }, unsettled } satisfies Hold);
    } catch (error) {
      this.#complain("release", errorText(error));
    }
  }

  async #endProcesses(agent: Agent, order: EndOrder | null): Promise<TerminateResult> {
    if (order === null && (this.#session.close || !mayHaveLeftovers(agent))) return nothingEnded;
    try {
      const table = await this.#context.processes();
      const known = new Map<number, ProcessIdentity>();
      return await terminate({
        table,
        find: () => findTree(table, rootsOf(this.#session), known),
        signal: order?.signal ?? this.#session.stop_signal,
        killAfterMs: order?.killAfterMs ?? this.#session.kill_after_ms,
        abort: this.#urgent.signal,
      });
    } catch (error) {
      this.#complain("processes", errorText(error));
      return nothingEnded;
    }
  }

  /** The exit of an agent that is being ended; one that cannot be killed does not hold up its session for ever. */
  async #exitOf(agent: Agent): Promise<AgentExit> {
    const gaveUp = new AbortController();
    const limit = systemClock.sleep(5_000, gaveUp.signal).then(() => ({ code: null, signal: null, at: new Date() }));
    const exit = await Promise.race([agent.exited, limit]);
    gaveUp.abort();
    return exit;
  }

  async #look(): Promise<void> {
    try {
      const claim = await this.#held.verify();
      if (claim === "restored") this.#restoreFiles();
      if (claim === "lost") this.#loseLock();
      else if (this.#order === null && !this.endIfRequested()) await this.#limits?.look();
    } catch (error) {
      this.#complain("watch", errorText(error));
    }
  }

  /** The claim was gone and stands again: clients need the session's directory, too. */
  #restoreFiles(): void {
    makeSessionDirectory(sessionFiles(this.#context.home, this.#session.uid));
    this.#context.journal.append({ ...this.#subject(), event: "lock_restored" });
  }

  #loseLock(): void {
    if (this.#order?.reason === "lock_lost") return;
    this.#tryTo("log", () => this.#context.journal.append({ ...this.#subject(), event: "lock_lost" }));
    this.end({ reason: "lock_lost" });
  }

  #publish(change: Partial<SessionInfo>): void {
    this.#session = { ...this.#session, ...change };
    this.#hold = { ...this.#hold, session: this.#session };
    this.#held.update(this.#hold);
  }

  /** A step of the ending that must not stop the others. */
  #tryTo(what: string, step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#complain(what, errorText(error));
    }
  }

  #complain(what: string, problem: string): void {
    // What goes wrong at every look is said once.
    if (this.#lastComplaint === problem) return;
    this.#lastComplaint = problem;
    try {
      this.#context.journal.append({ ...this.#subject(), event: "cleaned", what, why: "ending", result: problem });
    } catch {
      // The log cannot be written: nobody is left to tell.
    }
  }

  #subject() {
    const { id, uid } = this.#session;
    return { lock: this.#context.lock.name, session: id, uid, token: this.#held.token, by: this.#context.by };
  }
}

const nothingEnded: TerminateResult = { ended: [], survivors: [] };

function reasonOf(order: EndOrder | null, exit: AgentExit): EndReason {
  if (order !== null) return order.reason;
  return exit.signal === null ? "exited" : "signalled";
}
