import { errorText } from "../failure.ts";
import type { Context } from "./context.ts";
import { matchesGlob } from "./glob.ts";
import { otherOwner } from "./owners.ts";

/** What a clean-up may take; everything, when nothing is named. */
export interface CleanupScope {
  readonly orphans?: boolean;
  /** Sessions without a client and without activity for this long. */
  readonly idleMs?: number;
  /** Ended sessions older than this are forgotten. */
  readonly endedMs?: number;
  /** What cannot be read, and refuses or hides something for that. */
  readonly damaged?: boolean;
  /** Only sessions whose id matches this glob. */
  readonly match?: string;
  /** What belongs to another owner too; it is only named otherwise. */
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

/** One thing a clean-up did, or would do: what, why, and what became of it (R4.7). `named`: found, and left alone. */
export interface CleanupAction {
  readonly what: "session" | "orphan" | "process" | "waiter" | "lock" | "tmux" | "ended_session";
  readonly name: string;
  readonly pid: number | null;
  readonly why: string;
  readonly result: "planned" | "ended" | "removed" | "named" | "failed";
  readonly detail: string | null;
}

export type CleanupSubject = Pick<CleanupAction, "what" | "name" | "pid" | "why">;

/** Does one thing, or only plans it; a failure is what became of it. @param run returns the detail */
export async function attempt(
  scope: Pick<CleanupScope, "dryRun">,
  subject: CleanupSubject,
  run: () => Promise<string>,
): Promise<CleanupAction> {
  if (scope.dryRun === true) return { ...subject, result: "planned", detail: null };
  try {
    const detail = await run();
    return { ...subject, result: subject.pid === null ? "removed" : "ended", detail };
  } catch (error) {
    return { ...subject, result: "failed", detail: onOneLine(error) };
  }
}

/** How something of another owner's is left alone; null when it may be ended. */
export function spare(
  context: Context,
  { force }: Pick<CleanupScope, "force">,
  subject: CleanupSubject,
  owner: string | null | undefined,
): CleanupAction | null {
  const other = force === true ? null : otherOwner(context, owner);
  if (other === null) return null;
  // Just that: all else that is somebody else's stays.
  const command = subject.what === "waiter" ? `stop ${subject.name}` : `cleanup --match ${subject.name}`;
  const detail = `holdfast --lock ${context.lock.name} ${command} --force ends it`;
  return { ...subject, why: `belongs to ${other}`, result: "named", detail };
}

/** Whether both failed, with the same thing and for the same reason; false of what did not fail. */
export function isSameFailure(a: CleanupAction, b: CleanupAction): boolean {
  return (
    a.result === "failed" && b.result === "failed" && a.what === b.what && a.name === b.name && a.detail === b.detail
  );
}

/** A clean-up that cannot be logged has failed in that (R4.7). */
export function logged(context: Context, action: CleanupAction): CleanupAction {
  try {
    logAction(context, action);
    return action;
  } catch (error) {
    const detail = [action.detail ?? "", onOneLine(error)].filter((text) => text !== "").join("; ");
    return { ...action, result: "failed", detail };
  }
}

/** As the rest of what is said of an action. */
export function onOneLine(error: unknown): string {
  return errorText(error).replaceAll("\n", " ");
}

/** Logs it as `cleaned`, without its detail. @throws Failure as `Journal.append` */
export function logAction(context: Context, { what, name, why, result }: CleanupAction): void {
  context.journal.append({
    event: "cleaned",
    lock: context.lock.name,
    by: context.by,
    what: `${what} ${name}`,
    why,
    result,
  });
}

/** Whether a clean-up is about sessions of this id: `*` stands for any text in what it matches, `?` for a character. */
export function matches({ match }: Pick<CleanupScope, "match">, id: string): boolean {
  return match === undefined || matchesGlob(match, id);
}
