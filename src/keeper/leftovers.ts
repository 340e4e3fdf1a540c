import { systemClock } from "../process/clock.ts";
import { PidWindow } from "../process/pid-window.ts";
import { ownLine } from "../process/own-line.ts";
import { listedBy, type ProcessTable } from "../process/table.ts";
import { findTree } from "../process/tree.ts";
import type { TreeRoots } from "../process/tree-roots.ts";
import type { Agent } from "./agent.ts";

/** After this long an agent is none of the many that are done in no time, which pay for nothing here. */
const settledAfterMs = 20;

/**
 * Whether processes of an agent that has ended may still run. The answer is often a certain no without a look at every
 * process: what an agent has started has a PID that was given out after its own.
 */
export class Leftovers {
  readonly #agent: Agent;
  readonly #table: () => Promise<ProcessTable>;
  readonly #window: PidWindow;
  readonly #timer: NodeJS.Timeout;

  constructor(agent: Agent, table: () => Promise<ProcessTable>) {
    this.#agent = agent;
    this.#table = table;
    this.#window = new PidWindow(agent.pid);
    // While the agent runs there is time: whoever is next in line waits for what happens after its end.
    this.#timer = setTimeout(() => {
      this.#window.note();
      void this.#table().catch(() => undefined);
    }, settledAfterMs);
  }

  /** @param roots what makes a process belong to the agent's session */
  async mayExist(roots: TreeRoots): Promise<boolean> {
    clearTimeout(this.#timer);
    const isSince = this.#window.since(systemClock.now() - this.#agent.spawnedAtMs);
    if (isSince === null) return true;
    if (isSince === "none") return false;
    const table = await this.#table();
    // With those to whom the kernel gives what loses its parents: the ancestors of this process, and itself.
    const line = new Set(ownLine());
    const young = listedBy(table, () => table.list((pid) => isSince(pid) || line.has(pid)));
    return (await findTree(young, roots)).length > 0;
  }
}
