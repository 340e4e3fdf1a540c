import type { Home } from "../home/locate.ts";
import { tryToReadStopRequest, type StopRequest } from "../session/stop-request.ts";
import type { SessionLog } from "./session-log.ts";

/** The requests to stop a session, as its keeper finds them: each lies in the place of the one before. */
export class StopRequests {
  readonly #home: Home;
  readonly #uid: string;
  readonly #log: SessionLog;
  #seen: string | null = null;

  constructor(home: Home, uid: string, log: SessionLog) {
    this.#home = home;
    this.#uid = uid;
    this.#log = log;
  }

  /** Null when there is none. */
  latest(): StopRequest | null {
    const complain = (problem: string): void => this.#log.complain("stop request", problem);
    const request = tryToReadStopRequest(this.#home, this.#uid, complain);
    if (request !== null) this.#seen = JSON.stringify(request);
    return request;
  }

  /** The latest, if nobody has pointed it out: from another PID namespace none can be. */
  unseen(): StopRequest | null {
    const before = this.#seen;
    const request = this.latest();
    return this.#seen === before ? null : request;
  }
}
