import { join } from "node:path";

export interface ClaimLockPaths {
  readonly claims: string;
  readonly queue: string;
  /** Where the current claim is linked: `session.lock`. */
  readonly link: string;
}

/** The lock `name` of a state directory whose paths are given. */
export function claimLockPaths(state: { claims: string; queue: string; state: string }, name: string): ClaimLockPaths {
  return { claims: state.claims, queue: state.queue, link: join(state.state, `${name}.lock`) };
}
