import type { Status } from "../../session/status.ts";
import type { Stopped } from "../../session/stop.ts";

/** What one look of `status --watch` saw, and what is to be said about it. */
export interface LiveFrame {
  /** The project's root. */
  readonly root: string;
  readonly status: Status;
  /** The same; the CPU of its processes is what they used since the look before. */
  readonly recent: Status;
  /** The end of what the agent wrote, without escape sequences. */
  readonly output: string;
  /** The outcome of a key, or what went wrong. */
  readonly said: Stopped | Error | string | null;
  /** The id of the session that a person is asked whether to stop; null when nothing is asked. */
  readonly asked: string | null;
}

/** What happens to a view from outside. */
export interface LiveEvents {
  readonly onKey: (key: string) => void;
  /** The terminal has another size, or what was on it is lost. */
  readonly onRedraw: () => void;
  /** Nobody looks any more. */
  readonly onGone: () => void;
}

/** Shows a lock while it changes: in place on a terminal, one document for each change to a program. */
export interface LiveView {
  /** False: a frame needs no output. */
  readonly showsOutput: boolean;
  open(events: LiveEvents): void;
  show(frame: LiveFrame): void;
  /** Leaves everything as it was before; may be called when it is not open. */
  close(): void;
}
