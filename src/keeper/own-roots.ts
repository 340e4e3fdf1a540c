import { systemClock } from "../process/clock.ts";
import { selfIdentity } from "../process/identity.ts";
import { knownDescriptor, type KnownFile } from "../process/known-file.ts";
import { momentFromNow, type Moment } from "../process/moment.ts";
import { sureWithinMs } from "../process/pid-window.ts";
import type { TreeRoots } from "../process/tree-roots.ts";
import type { SessionInfo } from "../session/session-info.ts";
import { groupLeaderOf, rootsOf } from "../session/session-roots.ts";
import type { Agent } from "./agent.ts";

interface Gone {
  readonly pid: number;
  /** Null when it cannot be told, and where nobody asks: there is no group whose number could mean another by now. */
  readonly by: Moment | null;
}

/** What makes a process belong to a session, for its own keeper: it has started the agents, and sees them end. */
export class OwnRoots {
  readonly #session: () => SessionInfo;
  /** What its agents inherited: the claim, once more when it was restored between two of them. */
  readonly #inherited: KnownFile[] = [];
  /** The agent, and who launched it, as far as they have ended. */
  #gone: readonly Gone[] = [];

  /** @param session as it is now: the agent may change */
  constructor(session: () => SessionInfo) {
    this.#session = session;
  }

  /** This one is the session's agent. */
  began(agent: Agent): void {
    this.#gone = this.#gone.filter(({ pid }) => pid !== agent.pid);
    void agent.exited.then(({ seenAtMs = systemClock.now() }) => {
      // What a launcher has started may have handed itself on to another process since.
      const session = this.#session();
      const pid = session.agent?.pid ?? agent.pid;
      // What it left may fork before anybody looks; in so short a time its number is not given out again.
      const by = groupLeaderOf(session) === null ? null : momentFromNow(seenAtMs + sureWithinMs - systemClock.now());
      this.#gone = [...this.#gone.slice(-1), { pid, by }];
    });
  }

  /** The agent has inherited the claim. @param descriptor null: under a lease it inherits nothing */
  inherits(descriptor: number | null): void {
    const claim = descriptor === null ? null : knownDescriptor(descriptor);
    if (claim !== null) this.#inherited.push(claim);
  }

  /** As they are at this moment: they change with each agent, and with its end. */
  now(): TreeRoots {
    const roots = rootsOf(this.#session());
    const leaderGoneBy = this.#gone.find(({ pid }) => pid === roots.groupLeader?.pid)?.by ?? null;
    const keeper = { process: selfIdentity(), claim: null };
    return { ...roots, inherited: this.#inherited, keeper, leaderGoneBy };
  }
}
