import { Failure } from "../failure.ts";
import { shellWord } from "../home/shell-word.ts";
import type { JudgedClaim } from "../lock/claim-directory.ts";
import { whereaboutsOf, whereText } from "../process/identity.ts";
import type { Survivor } from "../process/survivor.ts";
import type { SessionInfo } from "./session-info.ts";

interface Held {
  readonly claim: JudgedClaim;
  readonly session: SessionInfo;
}

/** `NOT_PERMITTED`: its keeper does not react, and nobody may signal it from here. */
export function outOfReach({ claim, session }: Held): Failure {
  const { owner } = claim.record;
  const where = whereaboutsOf(owner);
  const why =
    where === "here"
      ? `PID ${owner.pid}, its keeper by its claim, does not react, and may not be signalled or is another process`
      : `its keeper is PID ${owner.pid} ${whereText(where, owner.host)}, and does not react`;
  return new Failure("NOT_PERMITTED", `${session.id} cannot be ended from here: ${why}`, {
    facts: { session: session.id, pid: owner.pid, host: owner.host, where, path: claim.path },
    next: [
      ...(where === "here" ? [] : [{ does: "stop it there", command: `holdfast stop ${session.id}` }]),
      { does: "look", command: "holdfast status" },
    ],
  });
}

/** `NOT_PERMITTED`: this state directory is a copy of the one that the session runs in. */
export function runsElsewhere({ id, state_directory: directory }: SessionInfo): Failure {
  return new Failure(
    "NOT_PERMITTED",
    `${id} runs in another state directory, of which this one is a copy
${directory}`,
    {
      facts: { session: id, path: directory },
      next: [
        { does: "stop it there", command: `HOLDFAST_STATE_DIR=${shellWord(directory ?? "")} holdfast stop ${id}` },
        { does: "look", command: "holdfast status" },
      ],
    },
  );
}

/** `NOT_PERMITTED`: what could be found of a session has been ended, and its lock is held all the same. */
export function stillHeld({ claim, session }: Held, survivors: readonly Survivor[]): Failure {
  const who =
    survivors.length === 0
      ? "a process that cannot be seen from here: another user's, or one in another container"
      : survivors.map(({ pid }) => `PID ${pid}`).join(", ");
  return new Failure("NOT_PERMITTED", `${session.id} is not ended: its lock is still held by ${who}`, {
    facts: { session: session.id, path: claim.path, processes: survivors },
    next: [
      { does: "see who has it", command: `lsof ${shellWord(claim.path)}` },
      { does: "look", command: "holdfast status" },
    ],
  });
}
