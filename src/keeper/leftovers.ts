import { Failure } from "../failure.ts";
import { systemClock } from "../process/clock.ts";
import { PidWindow } from "../process/pid-window.ts";
import type { ProcessTable } from "../process/table.ts";
import type { TreeRoots } from "../process/tree-roots.ts";
import type { Context } from "../session/context.ts";
import type { Agent } from "./agent.ts";
import type { PublishedSession } from "./published-session.ts";

/** After this long an agent is none of the many that are done in no time, which pay for nothing here. */
const settledAfterMs = 20;

export interface LeftoversOptions {
  readonly table: () => Promise<ProcessTable>;
  /** What makes a process belong to the agent's session. */
  readonly roots: () => TreeRoots;
  /** Told how many forks there had been when the agent had run for a moment. */
  readonly onNoted: (forks: number) => void;
  /** True of an agent that is to run long: that is told at once. */
  readonly runsLong?: boolean;
}

/**
 * Whether processes of an agent that has ended may still run. The answer is often a certain no without a look at every
 * process: what an agent has started has a PID that was given out after its own.
 */
export class Leftovers {
  readonly #agent: Agent;
  readonly #options: LeftoversOptions;
  readonly #window: PidWindow;
  readonly #timer: NodeJS.Timeout;

  constructor(agent: Agent, options: LeftoversOptions) {
    this.#agent = agent;
    this.#options = options;
    this.#window = new PidWindow(sinceOf(agent));
    if (options.runsLong === true) this.#note();
    // What is done for the first time takes longest, and while the agent runs there is time: whoever is next in line
    // waits for what happens after its end.
    this.#timer = setTimeout(() => {
      if (options.runsLong !== true) this.#note();
      void this.#look().catch(() => undefined);
    }, settledAfterMs);
  }

  /** @param roots what makes a process belong to the agent's session */
  static of(context: Context, published: PublishedSession, agent: Agent, roots: () => TreeRoots): Leftovers {
    return new Leftovers(agent, {
      table: () => context.processes(),
      roots,
      // Whoever asks for the session is spared looking at everything, too.
      onNoted: (forks) => published.tryToPublish({ descent: { after_pid: sinceOf(agent), forks } }),
      runsLong: published.session.mode === "background",
    });
  }

  /** True also where that cannot be told now: whoever looks at all processes then says why, if that fails, too. */
  async mayExist(): Promise<boolean> {
    this.forget();
    return this.#look().catch(() => true);
  }

  /** From now on it does nothing by itself: the session, of which it notes something, is over. */
  forget(): void {
    clearTimeout(this.#timer);
  }

  /** Who cannot do it looks at all processes in the end. */
  #note(): void {
    try {
      const forks = this.#window.note(this.#ageMs());
      if (forks !== null) this.#options.onNoted(forks);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
  }

  #ageMs(): number {
    return systemClock.now() - this.#agent.spawnedAtMs;
  }

  async #look(): Promise<boolean> {
    const look = () => this.#window.since(this.#ageMs());
    const since = look();
    if (since === null) return true;
    if (since.few?.length === 0) return false;
    // Late, as the table is: a command that is done in no time has usually started nothing.
    const { mayHaveDescendants } = await import("../process/descendants.ts");
    return mayHaveDescendants(await this.#options.table(), this.#options.roots(), look, since);
  }
}

function sinceOf({ pid, sincePid = pid }: Agent): number {
  return sincePid;
}
