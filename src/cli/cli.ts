import { Failure } from "../failure.ts";
import { defaultConfig, loadConfig } from "../home/config.ts";
import { locateHome } from "../home/locate.ts";
import { defaultLock, parseName } from "../home/names.ts";
import { currentActor } from "../session/actor.ts";
import { openContext, type Context } from "../session/context.ts";
import { noHooks } from "../session/hook-calls.ts";
import type { GlobalOptions } from "./globals.ts";
import type { Presenter } from "./present/presenter.ts";

/** What a command finds when it is called: who called it, how, and whom to show its result. */
export interface Cli {
  readonly globals: GlobalOptions;
  /**
   * Opens the presenter when there is something to show: `run` usually has nothing. Whoever asks first may say that
   * this command speaks JSON here, asked or not.
   */
  readonly show: (as?: "json") => Promise<Presenter>;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Whether a person can be talked with: both ends are a terminal. */
  readonly interactive: boolean;
  /** Has the process wait for this before it exits, when all is said. */
  readonly beforeExit: (task: () => Promise<void>) => void;
}

/** A command: shows its result itself and says what to exit with. */
export type Exit = Promise<number>;

export interface Access {
  /** `write` makes the state directory when it is missing. */
  readonly access: "read" | "write";
  /** Another lock than the one the command line names. */
  readonly lock?: string;
  /** How this client is called in the log. */
  readonly clientName?: string;
  /**
   * Goes by the defaults where the configuration is wrong: what runs has its settings already. It is said at once; or it
   * is left to the command, which finds it in the context.
   */
  readonly despiteConfig?: "said" | "left";
  /** Found already, by `findProject`. */
  readonly project?: Project;
}

/** Where a command works, and what is configured there. */
export type Project = Pick<Context, "home" | "config" | "wrongConfig">;

/**
 * The lock that `access` names, else the command line, else the default one. Before it exits, this process waits for
 * the hooks of what it has appended to the log.
 * @throws Failure `USAGE` for a name that is none; `CONFIG` unless `despiteConfig` is given; as `openContext`
 */
export async function openCliContext(cli: Cli, access: Access): Promise<Context> {
  const { lock, clientName, despiteConfig } = access;
  const { home, config, ...wrong } = access.project ?? (await findProject(cli, despiteConfig));
  const context = await openContext({
    home,
    config,
    env: cli.env,
    lockName: parseName("lock name", lock ?? cli.globals.lock ?? defaultLock),
    by: currentActor(clientName === undefined ? nameFromEnvironment(cli) : parseName("client name", clientName)),
    create: access.access === "write",
  });
  if (context.hooks !== noHooks) cli.beforeExit(() => context.hooks.settled());
  return { ...context, ...wrong };
}

/** Makes nothing: what is typed can be refused before there is a state directory. */
export async function findProject(cli: Cli, despite?: Access["despiteConfig"]): Promise<Project> {
  const home = locateHome({ dir: cli.globals.dir, env: cli.env, cwd: cli.cwd });
  try {
    return { home, config: await loadConfig(home, cli.env) };
  } catch (error) {
    if (despite === undefined || !(error instanceof Failure) || error.code !== "CONFIG") throw error;
    if (despite === "said") {
      const note = `${error.message}\nThat configuration is ignored here; correct it before the next start.`;
      (await cli.show()).note(note);
    }
    return { home, config: defaultConfig, wrongConfig: error };
  }
}

/** An empty variable names nobody. */
function nameFromEnvironment({ env }: Cli): string | undefined {
  const name = env["HOLDFAST_AS"];
  return name ? parseName("client name", name) : undefined;
}

/** A session id as a person gave it; null when none was given. */
export function parseId(id: string | undefined): string | null {
  return id === undefined ? null : parseName("session id", id);
}
