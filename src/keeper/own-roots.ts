import { selfIdentity } from "../process/identity.ts";
import { knownDescriptor, type KnownFile } from "../process/known-file.ts";
import type { TreeRoots } from "../process/tree-roots.ts";
import type { SessionInfo } from "../session/session-info.ts";
import { rootsOf } from "../session/session-roots.ts";
import type { Agent } from "./agent.ts";

interface Gone {
  readonly pid: number;
  readonly at: Date;
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
    void agent.exited.then(({ at }) => {
      // What a launcher has started may have handed itself on to another process since.
      const pid = this.#session().agent?.pid ?? agent.pid;
      this.#gone = [...this.#gone.slice(-1), { pid, at }];
    });
  }

  /** The agent has inherited the claim. */
  inherits(descriptor: number): void {
    const claim = knownDescriptor(descriptor);
    if (claim !== null) this.#inherited.push(claim);
  }

  now(): TreeRoots {
    const roots = rootsOf(this.#session());
    const leaderGoneAt = this.#gone.find(({ pid }) => pid === roots.groupLeader?.pid)?.at ?? null;
    const keeper = { process: selfIdentity(), claim: null };
    return { ...roots, inherited: this.#inherited, keeper, leaderGoneAt };
  }
}
