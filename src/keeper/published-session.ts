import type { HeldLock } from "../lock/lock.ts";
import { secondsBetween } from "../session/session-end.ts";
import type { Hold, SessionInfo } from "../session/session-info.ts";
import type { FreshLock } from "../session/take-lock.ts";
import type { Agent, AgentExit } from "./agent.ts";
import type { SessionLog } from "./session-log.ts";

/** A session as its claim tells it to everybody: each step of its way is published there, and logged. */
export class PublishedSession {
  readonly #held: HeldLock;
  readonly #log: SessionLog;
  #hold: Hold;
  #session: SessionInfo;
  /** When the agent was started; before that, when it was taken up. */
  #startedAt = new Date().toISOString();
  /** Whether its claim is behind what is known here. */
  #isBehind = false;

  constructor(held: HeldLock, hold: Hold, session: SessionInfo, log: SessionLog) {
    this.#held = held;
    this.#hold = hold;
    this.#session = session;
    this.#log = log;
  }

  /** As it is known here: its claim may be behind, see `catchUp`. */
  get session(): SessionInfo {
    return this.#session;
  }

  get hold(): Hold {
    return this.#hold;
  }

  /** @throws Failure when the claim cannot be written; the change counts here all the same */
  publish(change: Partial<SessionInfo>): void {
    this.#session = { ...this.#session, ...change };
    this.#write({ ...this.#hold, session: this.#session });
  }

  /** What the session goes on without; what cannot be written now is published with the next change, or by `catchUp`. */
  tryToPublish(change: Partial<SessionInfo>): void {
    this.#log.tryTo("publish", () => this.publish(change));
  }

  /** Publishes what could not be written before, because the disk was full. */
  catchUp(): void {
    if (this.#isBehind) this.#log.tryTo("publish", () => this.#write(this.#hold));
  }

  #write(hold: Hold): void {
    this.#hold = hold;
    this.#isBehind = true;
    this.#held.update(hold);
    this.#isBehind = false;
  }

  /** Finishes what earlier sessions left to be written, and says so in the claim. */
  settle({ finish }: FreshLock): void {
    this.#log.tryTo("unsettled", () => {
      const unsettled = finish();
      if (this.#hold.unsettled !== undefined) return;
      this.#write({ ...this.#hold, unsettled });
    });
  }

  /** The agent runs. @param durable on disk when this returns: for those who are told of it */
  started({ pid }: Agent, durable: boolean): void {
    const phase = this.#session.ready === null ? "running" : "starting";
    this.#startedAt = new Date().toISOString();
    this.publish({ phase, started_at: this.#startedAt });
    this.#log.append({ event: "started", command: [...this.#session.command], pid }, { durable });
  }

  /** The agent is ready: what it was started for can begin. */
  ready(): void {
    const now = new Date();
    this.publish({ phase: "running", ready_at: now.toISOString() });
    const afterSeconds = secondsBetween(this.#startedAt, now);
    this.#log.append({ event: "ready", after_seconds: afterSeconds }, { durable: true });
  }

  /** As `ready`, of an agent that was started again: nobody waits to be told, and it goes on where that cannot be written. */
  readyAgain(): void {
    this.#log.tryTo("publish", () => this.ready());
  }

  /** The agent has ended and is to be started again. @param count how often it will have been */
  restarting(count: number, at: Date): void {
    this.tryToPublish({ phase: "restarting", restarts: count, restart_at: at.toISOString() });
  }

  /** The agent runs again. @param before how the one before it ended */
  restarted({ pid }: Agent, before: AgentExit): void {
    const phase = this.#session.ready === null ? "running" : "starting";
    this.tryToPublish({ phase, restart_at: null, ready_at: null });
    const { code, signal } = before;
    const { restarts } = this.#session;
    const event = { event: "restarted", pid, restarts, exit_code: code, signal } as const;
    this.#log.tryTo("log", () => this.#log.append(event, { durable: true }));
  }
}
