import { existsSync, writeFileSync } from "node:fs";
import { errorText } from "../failure.ts";
import { ceases } from "../process/clock.ts";
import { livenessOf, type ProcessIdentity } from "../process/identity.ts";
import type { TmuxDetails, TmuxServer } from "../tmux/tmux-server.ts";
import { isSocketOf, removeSocket } from "../tmux/tmux-socket.ts";
import type { Home } from "../home/locate.ts";
import type { Context } from "./context.ts";
import { sessionFiles } from "./session-files.ts";
import type { SessionInfo } from "./session-info.ts";
import { isCopied } from "./session-roots.ts";

/** The server of the tmux session that an agent runs in; null when it runs in none, or its socket is not its own. */
export async function tmuxServerOf({ home, env }: Context, session: SessionInfo): Promise<TmuxServer | null> {
  const { tmux } = session;
  if (tmux === null || !isOwnSocket(home, session)) return null;
  const { TmuxServer: Server } = await import("../tmux/tmux-server.ts");
  return new Server(tmux.socket, env);
}

/** The tmux session as it is now; null without one, before it is there, and when it does not answer. */
export async function tmuxDetails(context: Context, session: SessionInfo): Promise<TmuxDetails | null> {
  const pane = session.tmux?.pane ?? null;
  return (pane === null ? null : await (await tmuxServerOf(context, session))?.details(pane)) ?? null;
}

interface SeenTmux {
  readonly server: TmuxServer;
  readonly details: TmuxDetails;
  readonly history: string | null;
}

const lookEveryMs = 5;
const patienceMs = 2_000;

/** The end of a tmux session, in two steps: the agent ends between them. */
export class TmuxEnding {
  readonly #context: Context;
  readonly #session: SessionInfo;
  readonly #server: TmuxServer | null;
  /** What it showed while the agent ran. */
  readonly #before: string | null;
  readonly #hadOwnScreen: boolean;

  private constructor(context: Context, session: SessionInfo, seen: SeenTmux | null) {
    this.#context = context;
    this.#session = session;
    this.#server = seen?.server ?? null;
    this.#before = seen?.history ?? null;
    this.#hadOwnScreen = seen?.details.alternateScreen ?? false;
  }

  /** Looks while the agent runs: tmux may be gone when that has ended, as when its keeper is dead. */
  static async begin(context: Context, session: SessionInfo): Promise<TmuxEnding> {
    const server = await tmuxServerOf(context, session);
    const pane = session.tmux?.pane ?? null;
    if (server === null || pane === null) return new TmuxEnding(context, session, null);
    const details = await server.details(pane);
    // One that does not answer is gone, or hangs: there is no use in asking it for more.
    if (details === null) return new TmuxEnding(context, session, null);
    return new TmuxEnding(context, session, { server, details, history: await server.capture(pane) });
  }

  /** Keeps a copy of what the tmux session has shown, and ends it with all that runs in it. */
  async finish(): Promise<void> {
    const { pane = null, server = null } = this.#session.tmux ?? {};
    if (this.#server === null || pane === null) return;
    const after = await this.#server.capture(pane);
    // The screen that an editor and its like have of their own goes with them; other text only grows.
    this.#keep(after === null || this.#hadOwnScreen ? [this.#before, after] : [after]);
    await endTmux(this.#server, server);
  }

  /** That there is no copy must not keep anything from being ended (R2.4). */
  #keep(texts: readonly (string | null)[]): void {
    const { directory, tmuxLog } = sessionFiles(this.#context.home, this.#session.uid);
    const text = texts.filter((each) => each !== null).join("\n");
    if (text === "" || !existsSync(directory)) return;
    try {
      writeFileSync(tmuxLog, text, { mode: 0o600 });
    } catch (error) {
      this.#complain(errorText(error));
    }
  }

  #complain(result: string): void {
    const { id: session, uid } = this.#session;
    const { journal, lock, by } = this.#context;
    try {
      journal.append({ event: "cleaned", lock: lock.name, session, uid, by, what: "tmux.log", why: "ending", result });
    } catch {
      // The log cannot be written either: nobody is left to tell.
    }
  }
}

/** Ends a tmux server with all that runs in it. Returns when it is gone; also, after a while, when it does not go. */
export async function endTmux(server: TmuxServer, process: ProcessIdentity | null): Promise<void> {
  await server.kill();
  if (process !== null) await ceases(async () => livenessOf(process) === "alive", patienceMs, lookEveryMs);
}

/** Removes the socket of a tmux server that is dead. */
export function forgetTmux({ home }: Context, session: SessionInfo): void {
  const { tmux } = session;
  if (tmux?.server == null || livenessOf(tmux.server) !== "dead") return;
  if (isOwnSocket(home, session)) removeSocket(tmux.socket);
}

/** Whatever a claim says: a socket that is called otherwise is somebody else's. */
function isOwnSocket(home: Home, session: SessionInfo): boolean {
  const { uid, tmux, state_directory: begunIn } = session;
  if (tmux === null || isCopied(home, session)) return false;
  return isSocketOf(tmux.socket, home.state, uid) || (begunIn !== null && isSocketOf(tmux.socket, begunIn, uid));
}
