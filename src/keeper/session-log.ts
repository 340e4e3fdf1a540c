import { errorText } from "../failure.ts";
import type { EventInput } from "../journal/event.ts";
import type { AppendOptions } from "../journal/journal.ts";
import type { Context } from "../session/context.ts";
import type { SessionInfo } from "../session/session-info.ts";

type Subject = "lock" | "session" | "uid" | "token" | "by";
/** Of each kind by itself: of a union, `Omit` would keep what all have in common. */
type About<Event> = Event extends unknown ? Omit<Event, Subject> : never;

/** What a keeper does to its session, in the event log. */
export class SessionLog {
  readonly #context: Context;
  readonly #subject: Pick<EventInput, Subject>;
  #lastComplaint = "";

  constructor(context: Context, { id, uid }: SessionInfo, token: number) {
    this.#context = context;
    this.#subject = { lock: context.lock.name, session: id, uid, token, by: context.by };
  }

  /** @throws Failure as `Journal.append` */
  append(event: About<EventInput>, options: AppendOptions = {}): void {
    this.#context.journal.append({ ...this.#subject, ...event }, options);
  }

  /** Takes a step that must not stop the ones after it. */
  tryTo(what: string, step: () => void): void {
    try {
      step();
    } catch (error) {
      this.complain(what, errorText(error));
    }
  }

  /** What goes wrong at every look is said once. */
  complain(what: string, problem: string): void {
    if (this.#lastComplaint === problem) return;
    this.#lastComplaint = problem;
    try {
      this.append({ event: "cleaned", what, why: "ending", result: problem });
    } catch {
      // The log cannot be written: nobody is left to tell.
    }
  }
}
