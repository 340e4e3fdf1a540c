import { errorText, Failure } from "../failure.ts";
import type { HeldLock } from "../lock/lock.ts";
import { startTimer } from "../process/clock.ts";
import type { Context } from "../session/context.ts";
import type { SessionEnd } from "../session/session-end.ts";
import { makeSessionDirectory, sessionFiles } from "../session/session-files.ts";
import type { Hold, SessionInfo } from "../session/session-info.ts";
import { exitOf, exitUnless, type Agent, type AgentExit } from "./agent.ts";
import { endOf, orderOf, reasonOf, type EndOrder } from "./end-order.ts";
import { endProcesses, nothingEnded, type EndedProcesses } from "./end-processes.ts";
import { giveBack, hasLostLease } from "./give-back.ts";
import { Leftovers } from "./leftovers.ts";
import { OutputLimit } from "./output-limit.ts";
import { OwnRoots } from "./own-roots.ts";
import { PublishedSession } from "./published-session.ts";
import { Rounds } from "./rounds.ts";
import { SessionLimits } from "./session-limits.ts";
import { SessionLog } from "./session-log.ts";
import { StopRequests } from "./stop-requests.ts";

/** What to do when an agent has ended by itself. */
export type Again = (agent: Agent, exit: AgentExit) => Promise<Agent | null>;

export interface KeptSession {
  readonly exit: AgentExit;
  readonly end: SessionEnd;
}

/** An agent that cannot be killed does not hold up the end of its session for ever. */
const exitPatienceMs = 5_000;

/**
 * Holds one session, whoever it runs in: the background keeper, or `run` itself.
 *
 *                    ┌──delay── restarting ◀─┐ (as the session wants)
 *                    ▼                       │
 *     starting ──launch──▶ running ──agent exits──────────▶ ending ──▶ ended
 *        │                    └──order (stop, limit, lost)──▶ ▲
 *        └──cannot start──────────────────────────────────────┘
 *
 * Ending: end what still runs, write the end, give the lock back; each whatever became of the one before.
 */
export class SessionKeeper {
  readonly #context: Context;
  readonly #held: HeldLock;
  readonly #log: SessionLog;
  readonly #requests: StopRequests;
  /** What the claim says of the session, and the log of its way. */
  readonly published: PublishedSession;
  #order: EndOrder | null = null;
  #isLockLost = false;
  readonly #ending = new AbortController();
  readonly #urgent = new AbortController();
  /** How many times processes are being ended now, also those that an agent left which has ended by itself. */
  #endings = 0;
  #agent: Agent | null = null;
  readonly #own = new OwnRoots(() => this.session);
  #leftovers: Leftovers | null = null;
  #endingAgent: Promise<unknown> = Promise.resolve();
  /** In each it looks whether its claim still stands, and whether it is asked to stop. */
  readonly rounds = new Rounds(() => this.#look());
  #limits: SessionLimits | null = null;
  readonly #output: OutputLimit | null;

  constructor(context: Context, held: HeldLock, hold: Hold, session: SessionInfo) {
    this.#context = context;
    this.#held = held;
    this.#log = new SessionLog(context, session, held.token);
    this.#requests = new StopRequests(context.home, session.uid, this.#log);
    this.published = new PublishedSession(held, hold, session, this.#log);
    this.#output = OutputLimit.of(context, this.published, this.#log);
    held.lost.addEventListener("abort", () => this.#loseLock(), { once: true });
  }

  get session(): SessionInfo {
    return this.published.session;
  }

  /**
   * Starts the agent and publishes it, so that whoever finds this keeper dead knows what it left.
   * @param leadsGroup whether it leads a process group of its own, which may be signalled as a whole
   * @throws Failure `LOCK_LOST` when this process stood still until its lease was over, and as `begin` does
   */
  async launch(begin: () => Promise<Agent>, leadsGroup: boolean): Promise<Agent> {
    if (await hasLostLease(this.#held, this.#log)) {
      throw new Failure("LOCK_LOST", "The lock was lost before the command was started");
    }
    const agent = this.adopt(await begin(), { leads_group: leadsGroup });
    await agent.letGo?.();
    // Whoever needs it makes it; at the end there is less time than now.
    this.#log.tryTo("directory", () => makeSessionDirectory(sessionFiles(this.#context.home, this.session.uid)));
    // What an agent before this one left, and could not be ended, is older; so may be what a launcher starts.
    const isFirst = this.session.restarts === 0 && this.session.launcher === null;
    this.#leftovers = isFirst ? Leftovers.of(this.#context, this.published, agent, () => this.#own.now()) : null;
    if (!this.session.close) this.#own.inherits(this.#held.descriptor);
    this.rounds.begin();
    this.#limits ??= new SessionLimits(
      this.#context,
      () => this.session,
      (reason) => this.end({ reason }),
    );
    return agent;
  }

  /** From now on this one is the agent: what a launcher has started takes its place. */
  adopt(agent: Agent, about: Partial<Pick<SessionInfo, "leads_group" | "launcher">>): Agent {
    this.#agent = agent;
    this.#own.began(agent);
    this.published.publish({ agent: agent.identity, ...about });
    return agent;
  }

  /** The agent could not be started. */
  noteFailed(failure: Failure | null): void {
    const { code: reason = "INTERNAL", message = "" } = failure ?? {};
    this.#log.tryTo("log", () => this.#log.append({ event: "start_failed", reason, message }));
  }

  /** The agent could not be started again, so the session ends. */
  giveUp(failure: Failure): void {
    this.noteFailed(failure);
    this.end({ reason: "start_failed" });
  }

  /** Fires when the session is to end. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  /** Orders the end. The first order counts; what is being ended already has no more time than a later one leaves it. */
  end(order: EndOrder): void {
    const leftMs = order.signal === "SIGKILL" ? 0 : order.killAfterMs;
    const isUnderWay = this.#order !== null || this.#endings > 0;
    if (isUnderWay && leftMs !== undefined) startTimer(leftMs, () => this.#urgent.abort());
    if (this.#order !== null) return;
    this.#order = order;
    this.#ending.abort();
  }

  /** Ends the session as `stop` asks in its request file, or as configured. */
  endAsRequested(): void {
    this.end(orderOf(this.#requests.latest()));
  }

  /** Ends the session if there is a request to stop it; false when there is none. */
  endIfRequested(): boolean {
    const request = this.#requests.latest();
    if (request !== null) this.end(orderOf(request));
    return request !== null;
  }

  /**
   * Keeps the session until its agent is gone for good or its end is ordered, then ends it.
   * @param again starts the agent once more; null: it stays ended
   */
  async keep(first: Agent, again: Again = async () => null): Promise<KeptSession> {
    let agent = first;
    let ownExit: AgentExit | null = null;
    for (let next: Agent | null = first; next !== null;) {
      agent = next;
      ownExit = await exitUnless(this.ending, agent);
      next = ownExit === null ? null : await again(agent, ownExit);
    }
    const order = this.#order;
    // Said only where it takes a while: whoever is next in line waits for all that is done here.
    const sayEnding = () => this.published.tryToPublish({ phase: "ending", restart_at: null });
    const terminated = await this.#endProcesses(order, { begin: sayEnding });
    const exit = ownExit ?? (await this.#exitOf(agent));
    return { exit, end: await this.#close(order, exit, terminated) };
  }

  /** Ends what an agent left that is to be started again. */
  async endLeftovers(): Promise<void> {
    await this.#endForRestart(null, "left by the agent before its restart");
  }

  /** Ends the agent, and not its session: it may be started again, but only when this is over. */
  async endAgent(): Promise<void> {
    this.#endingAgent = this.#endForRestart({ reason: "start_failed" }, "it did not get ready after its restart");
    await this.#endingAgent;
  }

  async #endForRestart(order: EndOrder | null, why: string): Promise<void> {
    const { ended, survivors, isUnknown } = await this.#endProcesses(order, { keepTmux: true });
    for (const { pid, command, why: reason } of survivors)
      this.#log.complain("processes", `PID ${pid} lives on (${reason}): ${command}`);
    // No agent is started beside what may be there.
    if (isUnknown === true || survivors.length > 0) this.end({ reason: "start_failed" });
    for (const { pid, command, how } of ended)
      this.#log.tryTo("log", () => this.#log.append({ event: "process_ended", pid, command, how, why }));
  }

  /** Ends a session whose agent did not come to run: nothing of it stays but its line in the log. */
  async abandon(failure: Failure | null): Promise<SessionEnd> {
    this.noteFailed(failure);
    const agent = this.#agent;
    const order = this.#order ?? { reason: "start_failed" };
    // What is started in tmux runs before it is known here.
    const hasBegun = agent !== null || this.session.tmux !== null;
    const terminated = hasBegun ? await this.#endProcesses(order) : nothingEnded;
    return this.#close(order, agent && (await this.#exitOf(agent)), terminated);
  }

  /** Writes the end and gives the lock back. @param order null: the agent has ended by itself */
  async #close(order: EndOrder | null, exit: AgentExit | null, terminated: EndedProcesses): Promise<SessionEnd> {
    if (await hasLostLease(this.#held, this.#log)) this.#loseLock();
    const isLockLost = this.#isLockLost;
    const reason = reasonOf(order ?? (isLockLost ? { reason: "lock_lost" } : null), exit);
    const end = endOf(this.#context.home, this.session, { reason, order: this.#order, exit, terminated });
    await this.#output?.end();
    // The hook of `ended` may start the next session, and what is given back is not looked after any more.
    const giving = { held: this.#held, published: this.published, log: this.#log, terminated, isLockLost };
    this.rounds.end();
    this.#leftovers?.forget();
    await this.#context.hooks.hold(() => giveBack(this.#context, end, giving));
    this.#limits?.clear();
    return end;
  }

  /**
   * @param begin called when there is something to end
   * @param keepTmux leaves the tmux session that the agent ran in
   */
  async #endProcesses(
    order: EndOrder | null,
    { begin, keepTmux = false }: { begin?: () => void; keepTmux?: boolean } = {},
  ): Promise<EndedProcesses> {
    const { session } = this;
    if (order === null && session.close) return this.#endingAgent.then(() => nothingEnded);
    this.#endings += 1;
    try {
      const mayBeQuick = order === null && session.tmux === null;
      if (mayBeQuick && (await this.#leftovers?.mayExist()) === false) return nothingEnded;
      begin?.();
      // Many programs take a second signal for impatience. For `endAgent` this is the one before.
      await this.#endingAgent;
      const [{ token }, log, urgent] = [this.#held, this.#log, this.#urgent.signal];
      const beforeTmux = async () => this.#agent && this.#exitOf(this.#agent);
      const ending = { session, roots: this.#own.now(), token, log, order, urgent, keepTmux, beforeTmux };
      return await endProcesses(this.#context, ending);
    } finally {
      this.#endings -= 1;
    }
  }

  /** Of an agent that has been ended. It may be gone just now, while its watcher waits for the next look. */
  #exitOf(agent: Agent): Promise<AgentExit> {
    this.rounds.wake();
    return exitOf(agent, exitPatienceMs);
  }

  async #look(): Promise<void> {
    try {
      const claim = await this.#held.verify();
      if (claim !== "lost") this.#log.tryTo("link", () => this.#held.show());
      this.published.catchUp();
      // Last, for it is told by the log: whoever reads that finds all the rest.
      if (claim === "restored") this.#restoreFiles();
      const request = this.#requests.unseen();
      if (claim === "lost") this.#loseLock();
      else if (request !== null) this.end(orderOf(request));
      else if (this.#order === null) await this.#limits?.look();
    } catch (error) {
      this.#log.complain("watch", errorText(error));
    }
    await this.#output?.look();
  }

  /** The claim was gone and stands again: clients need the session's directory, too. */
  #restoreFiles(): void {
    this.#log.tryTo("directory", () => makeSessionDirectory(sessionFiles(this.#context.home, this.session.uid)));
    this.#log.tryTo("log", () => this.#log.append({ event: "lock_restored" }));
  }

  #loseLock(): void {
    if (this.#isLockLost) return;
    this.#isLockLost = true;
    this.#log.tryTo("log", () => this.#log.append({ event: "lock_lost" }));
    this.end({ reason: "lock_lost" });
  }
}
