import type { AheadOfTurn, HeldLock } from "../lock/lock.ts";
import type { Context } from "../session/context.ts";
import type { SessionInfo } from "../session/session-info.ts";
import { agentEnvironment } from "./agent-environment.ts";
import { spawnAgent, type Agent, type AgentSpec } from "./agent.ts";
import type { Standby } from "./standby.ts";

/** What is made ready for one claim. */
interface Made {
  readonly ahead: AheadOfTurn;
  isWanted: boolean;
  standby: Standby | null;
}

/** The command of a `run`: made ready while it is the next in line, or started when it has the lock. */
export class CommandAhead {
  readonly #context: Context;
  #made: Made | null = null;
  #passesOn: Promise<boolean> | null = null;
  #rehearsal: Promise<void> | null = null;

  constructor(context: Context) {
    this.#context = context;
  }

  /**
   * What cannot be made ready, or not in time, is started in its turn.
   * @param session as it was wanted: of its turn nothing is known yet
   */
  prepare(session: SessionInfo, ahead: AheadOfTurn): void {
    const before = this.#made;
    const made: Made = { ahead, isWanted: true, standby: null };
    this.#made = made;
    const all = async () => {
      await dismiss(before);
      await this.#make(made, session);
      await (this.#rehearsal ??= this.#rehearse());
    };
    all().catch(() => undefined);
  }

  /** @throws Failure as `spawnAgent` does */
  async begin(session: SessionInfo, held: HeldLock): Promise<Agent> {
    return (await this.#take(held)) ?? spawnAgent(this.#specOf(session, held.token, held.descriptor));
  }

  /** Ends what was made in vain. */
  async end(): Promise<void> {
    await this.#dismiss();
    await this.#passesOn?.catch(() => undefined);
    await this.#rehearsal?.catch(() => undefined);
  }

  async #dismiss(): Promise<void> {
    const made = this.#made;
    this.#made = null;
    await dismiss(made);
  }

  async #take(held: HeldLock): Promise<Agent | null> {
    const made = this.#made;
    if (made === null || made.standby === null || !held.isAsAhead(made.ahead)) {
      await this.#dismiss();
      return null;
    }
    this.#made = null;
    return made.standby.take(held.token);
  }

  async #make(made: Made, session: SessionInfo): Promise<void> {
    const spec = this.#specOf(session, 0, made.ahead.descriptor);
    // Late, as all that only waiters need.
    const { passesOn, Standby } = await import("./standby.ts");
    this.#passesOn ??= passesOn(spec);
    // A descriptor that is closed by now may be of anything.
    if (!(await this.#passesOn) || !made.isWanted || made.ahead.isOver) return;
    made.standby = Standby.make(spec);
  }

  async #rehearse(): Promise<void> {
    // Who has to look what a dead holder left does that in its turn.
    await this.#context.processes();
    const { rehearse } = await import("./rehearsal.ts");
    await rehearse(this.#context);
  }

  #specOf(session: SessionInfo, token: number, descriptor: number | null): AgentSpec {
    return {
      command: session.command,
      cwd: session.cwd,
      env: agentEnvironment(this.#context, session, token),
      output: "inherit",
      descriptor: session.close ? null : descriptor,
      ownGroup: false,
    };
  }
}

async function dismiss(made: Made | null): Promise<void> {
  if (made === null) return;
  made.isWanted = false;
  await made.standby?.end();
}
