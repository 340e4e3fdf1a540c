import { Failure, type NextStep } from "../failure.ts";
import { shellWord } from "../home/shell-word.ts";
import type { JudgedClaim } from "../lock/claim-directory.ts";
import type { LockView } from "../lock/lock.ts";
import type { ProcessEntry } from "../process/table.ts";
import { whereaboutsOf, type Whereabouts } from "../process/identity.ts";
import { lastOutputAt } from "./activity.ts";
import type { Context } from "./context.ts";
import { stopCall } from "./owners.ts";
import { secondsBetween } from "./session-end.ts";
import { holdOf, waiterOf, type SessionInfo } from "./session-info.ts";
import { startAgain } from "./start-again.ts";
import { withProcesses, type Unsettled } from "./unsettled.ts";

/** Who is in the way, as `error.holder` of the JSON contract has it. */
export interface HolderCard {
  readonly id: string;
  readonly uid: string;
  readonly token: number;
  readonly command: readonly string[];
  readonly pid: number | null;
  readonly user: string;
  readonly host: string;
  readonly tty: string | null;
  readonly owner: string | null;
  readonly since: string;
  readonly held_seconds: number;
  readonly last_output_at: string | null;
  /** Where its processes run; elsewhere its PID means nothing here. */
  readonly where: Whereabouts;
  /** Its keeper is dead: only its processes hold the lock still. */
  readonly orphaned: boolean;
  /** It is being ended, or ends what its agent left. */
  readonly ending: boolean;
}

function holderCard(context: Context, claim: JudgedClaim, session: SessionInfo): HolderCard {
  return {
    ...sessionCard(context, session),
    token: claim.number,
    pid: session.agent?.pid ?? claim.record.owner.pid,
    where: whereaboutsOf(claim.record.owner),
    orphaned: claim.owner === "dead",
    ending: claim.owner !== "dead" && session.phase === "ending",
  };
}

/** A session whose processes are in the way although nothing of it holds the lock any more. */
export function orphanCard(context: Context, session: SessionInfo): HolderCard {
  const { agent, token } = session;
  return {
    ...sessionCard(context, session),
    token: token ?? 0,
    pid: agent?.pid ?? null,
    where: "here",
    orphaned: true,
    ending: false,
  };
}

function sessionCard(context: Context, session: SessionInfo) {
  const { id, uid, command, by, owner, created_at: since } = session;
  return {
    id,
    uid,
    command,
    user: by.user,
    host: by.host,
    tty: by.tty,
    owner,
    since,
    held_seconds: secondsBetween(since, new Date()),
    last_output_at: lastOutputAt(context.home, session)?.toISOString() ?? null,
  };
}

/** The sessions that hold the slots of a lock. */
export function holderCards(context: Context, holders: readonly (JudgedClaim | null)[]): readonly HolderCard[] {
  return holders.flatMap((claim) => {
    const session = claim === null ? null : holdOf(claim).session;
    return claim === null || session === null ? [] : holderCard(context, claim, session);
  });
}

/** For the end of a sentence: `demo is ending, and holds the lock`. */
export function holdsTheLock({ id, ending }: HolderCard): string {
  return `${id} ${ending ? "is ending, and " : ""}holds the lock`;
}

/** What the user typed. */
interface Typed {
  readonly verb: "start" | "run";
  readonly typed?: string;
}

/** `BUSY`: sessions are active in all slots, or somebody is waiting and must not be passed. */
export function alreadyActive(
  context: Context,
  views: readonly [LockView, ...LockView[]],
  wanted: SessionInfo,
  typed: Typed,
): Failure {
  const cards = holderCards(
    context,
    views.map(({ holder }) => holder),
  );
  const first = cards.find(({ orphaned: isOrphan }) => !isOrphan) ?? cards[0];
  if (first === undefined || views.some(({ holder }) => holder === null)) {
    return queueAhead(views[0], waitStep(context, wanted, typed));
  }
  const isOne = views.length === 1;
  const ids = cards.map(({ id, ending }) => (ending ? `${id}, which is ending` : id)).join(", ");
  const message = isOne ? `Session already active: ${ids}` : `All ${views.length} slots are taken: ${ids}`;
  return new Failure("BUSY", message, {
    facts: { holder: first, ...(isOne ? {} : { holders: cards }) },
    next: [
      ...(first.ending ? [] : [{ does: "join it", command: `holdfast join ${first.id}` }]),
      waitStep(context, wanted, typed),
      ...(first.ending ? [] : [stopStep(context, first)]),
    ],
  });
}

/** `BUSY`, of `--or-join`: the active session runs another command than what was wanted. */
export function otherCommand(
  context: Context,
  { claim, session }: { readonly claim: JudgedClaim; readonly session: SessionInfo },
  wanted: SessionInfo,
): Failure {
  const holder = holderCard(context, claim, session);
  const { id, command } = holder;
  return new Failure("BUSY", `Session already active with another command: ${id}`, {
    facts: { id, holder, active_command: command, wanted_command: wanted.command },
    next: [{ does: "join it", command: `holdfast join ${id}` }, stopStep(context, holder)],
  });
}

/** Another owner's healthy session is not to be stopped without a thought; what its keeper left, by `--force`. */
export function stopStep(context: Pick<Context, "env">, holder: HolderCard): NextStep {
  const command = holder.orphaned ? stopCall(context, holder) : `holdfast stop ${holder.id}`;
  return { does: "stop it", command };
}

function queueAhead(view: LockView, wait: NextStep): Failure {
  const first = view.waiters[0];
  const waiter = first === undefined ? null : waiterOf(first);
  // The one that waits: what `start --queue` was typed in is gone, and its PID may be a stranger's by now.
  const pid = first?.record.owner.pid;
  const who = waiter === null ? "somebody" : `${waiter.id} (${waiter.by.user}@${waiter.by.host}, PID ${pid})`;
  return new Failure("BUSY", `The lock is free, but ${who} is next in line`, {
    facts: { waiting: view.waiters.length },
    next: [wait, { does: "look", command: "holdfast status" }],
  });
}

function waitStep(context: Context, wanted: SessionInfo, { verb, typed = "" }: Typed): NextStep {
  const options = `${typed === "" ? "" : `${typed} `}--wait 10m`;
  if (verb === "start") return { does: "wait", command: startAgain(context, wanted, options) };
  const slots = wanted.slots === 1 ? "" : ` --slots ${wanted.slots}`;
  return { does: "wait", command: `holdfast run${slots} ${options} -- ${wanted.command.map(shellWord).join(" ")}` };
}

/** `AGENTS_RUNNING`: the keeper of the session that holds the lock is dead, and its agent lives. */
export async function orphaned(context: Context, claim: JudgedClaim): Promise<Failure> {
  const { session } = holdOf(claim);
  const [left] = session === null ? [] : await withProcesses(context, [session], claim);
  return left === undefined ? agentsRunning([], null, outsideSteps) : leftRunning(context, left);
}

/** `AGENTS_RUNNING`: what a dead keeper left. */
export function leftRunning(context: Context, { session, processes, unproven }: Unsettled): Failure {
  // Never by a clean-up: that would end healthy sessions and whoever waits, too.
  const steps = [{ does: "end them", command: stopCall(context, session) }];
  return agentsRunning(processes, session, steps, unproven);
}

/** `AGENTS_RUNNING`: agents outside any session. */
export function outsideRunning(processes: readonly ProcessEntry[]): Failure {
  return agentsRunning(processes, null, outsideSteps);
}

/** Nothing narrower than a whole clean-up ends agents outside any session: what that takes is to be seen first. */
export const outsideSteps: readonly NextStep[] = [
  { does: "see what would be ended", command: "holdfast cleanup --dry-run" },
  { does: "end all that", command: "holdfast cleanup" },
];

/**
 * @param session the lost session the processes belong to; null: they run outside any session
 * @param steps how to end them
 * @param unproven those of them that holdfast will not signal
 */
function agentsRunning(
  processes: readonly ProcessEntry[],
  session: SessionInfo | null,
  steps: readonly NextStep[],
  unproven: readonly ProcessEntry[] = [],
): Failure {
  const count = processes.length;
  const noun = count === 1 ? "agent process" : "agent processes";
  const whose = session === null ? "outside any session" : `left of ${session.id}, whose keeper is dead`;
  const left = unproven.map(({ pid }) => `PID ${pid}`).join(", ");
  const doubt =
    left === "" ? "" : `\nholdfast will not signal ${left} from here: stop forgets the session, and leaves that alive.`;
  return new Failure("AGENTS_RUNNING", `${count} ${noun} already running, ${whose}${doubt}`, {
    facts: {
      session: session?.id ?? null,
      processes: processes.map(({ pid, command, user, startedAt }) => ({
        pid,
        command,
        user,
        started_at: startedAt.toISOString(),
      })),
    },
    next: [{ does: "look", command: "holdfast status" }, ...steps],
  });
}

/** `BUSY`. @param wanted what was to be run */
export function insideItself(context: Context, session: SessionInfo, wanted: SessionInfo): Failure {
  const command = wanted.command.map(shellWord).join(" ");
  return new Failure("BUSY", `This command runs inside ${session.id}, which holds the lock: it would wait for itself`, {
    facts: { session: session.id, uid: session.uid },
    retryable: false,
    next:
      wanted.mode === "background"
        ? [{ does: "use another lock", command: startAgain(context, wanted, "--lock NAME") }]
        : [
            { does: "run it without the lock", command: `holdfast run --reentrant -- ${command}` },
            { does: "use another lock", command: `holdfast --lock NAME run -- ${command}` },
          ],
  });
}
