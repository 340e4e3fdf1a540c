import type { Failure } from "../failure.ts";
import type { Config } from "../home/config.ts";
import type { Home } from "../home/locate.ts";
import { checkState, ensureState } from "../home/state-directory.ts";
import { Journal } from "../journal/journal.ts";
import { ClaimLock } from "../lock/claim-lock.ts";
import { claimLockPaths } from "../lock/claim-lock-paths.ts";
import type { JudgedClaim } from "../lock/claim-directory.ts";
import type { Lock } from "../lock/lock.ts";
import { openPulses, type PulseChoice } from "../lock/pulses.ts";
import { openProcessTable, type ProcessTable } from "../process/table.ts";
import type { Actor } from "../journal/event.ts";
import { firesHooks, noHooks, type HookCalls } from "./hook-calls.ts";
import { waiterOf } from "./session-info.ts";

/** Everything an operation on one lock works with; opened once per command. */
export interface Context {
  readonly home: Home;
  readonly config: Config;
  readonly env: NodeJS.ProcessEnv;
  readonly lock: Lock;
  readonly pulse: PulseChoice;
  /** Fires the configured hooks of what is appended. */
  readonly journal: Journal;
  readonly hooks: HookCalls;
  readonly by: Actor;
  /** Why `config` has the defaults instead; absent when it is what was configured. */
  readonly wrongConfig?: Failure;
  processes(): Promise<ProcessTable>;
}

export interface ContextOptions {
  readonly home: Home;
  readonly config: Config;
  readonly env: NodeJS.ProcessEnv;
  readonly lockName: string;
  readonly by: Actor;
  /** False for commands that only look: a missing state directory stays missing, and nothing is found in it. */
  readonly create: boolean;
}

/** @throws Failure `NOT_PERMITTED` when another user could tamper with the state directory */
export async function openContext(options: ContextOptions): Promise<Context> {
  const { home, config, env, lockName, by, create } = options;
  if (create) ensureState(home);
  const exists = create || checkState(home) === "ready";
  const pulses = openPulses(exists ? home.state : home.root, config.pulse);
  const { journal, hooks } = await openJournal(options);
  const lock = new ClaimLock({
    name: lockName,
    paths: claimLockPaths(home, lockName),
    pulses,
    ensureDirectories: () => ensureState(home),
    waiterGone: (ticket) => logGone(journal, lockName, by, ticket),
  });
  let table: Promise<ProcessTable> | undefined;
  return {
    home,
    config,
    env,
    lock,
    pulse: pulses.choice,
    journal,
    hooks,
    by,
    processes: () => (table ??= openProcessTable()),
  };
}

/** A waiter that was killed cannot say that it left the line; who finds its ticket does. */
function logGone(journal: Journal, lock: string, by: Actor, ticket: JudgedClaim): void {
  const waiter = waiterOf(ticket);
  journal.append({
    event: "unqueued",
    lock,
    ...(waiter === null ? {} : { session: waiter.id }),
    ...(waiter?.uid === undefined ? {} : { uid: waiter.uid }),
    by,
    ticket: ticket.number,
    reason: `gone: PID ${ticket.record.owner.pid} died in line`,
  });
}

async function openJournal(options: ContextOptions): Promise<Pick<Context, "journal" | "hooks">> {
  const { home, config, env, by, create } = options;
  if (!firesHooks(config.hooks, env)) return { journal: new Journal(home.log), hooks: noHooks };
  // Late: hardly anybody has any.
  const [{ Hooks }, { giveConsent, hasConsent }] = await Promise.all([
    import("./hooks.ts"),
    import("./hook-consent.ts"),
  ]);
  // Only `start` and `run` open it to make it: whoever calls them asks for the hooks.
  if (create) giveConsent(home, config.hooks);
  const { root, state } = home;
  const append: Journal["append"] = (event) => journal.append(event);
  const isAllowed = (hook: string, command: string): boolean => hasConsent(home, hook, command);
  const hooks = new Hooks({ commands: config.hooks, root, state, env, by, append, hasConsent: isAllowed });
  const journal = new Journal(home.log, undefined, (event, line) => hooks.fire(event, line));
  return { journal, hooks };
}
