import { ClaimLock } from "../../src/lock/claim-lock.ts";
import type { WaitView } from "../../src/lock/lock.ts";
import { paths, pulses, type ModelProcess } from "./model-process.ts";
import { neverAborted } from "./never-aborted.ts";
import type { Conduct } from "./queue-model.ts";

/** The real lock over the files of a model. */
function openLock(): ClaimLock {
  const lock = new ClaimLock({
    name: "session",
    paths,
    pulses,
    ensureDirectories: () => undefined,
    waiterGone: () => undefined,
  });
  // There are no slots here; slots-model.test.ts has them.
  lock.slotsInUse = () => [1];
  return lock;
}

/** Gets in line, if the lock is held or somebody is in line, has its turn, and gives the lock back. */
export const waits: Conduct = async (process) => {
  await process.ask({ op: "arrive" });
  let [ticket, highestSeen] = [0, 0];
  const onWaiting = (view: WaitView): void => {
    ticket = view.ticket;
    highestSeen = Math.max(highestSeen, ...view.holders.map(({ number }) => number));
  };
  // At each turn of the loop in which it waits it remembers no more than this.
  const throwIfAborted = () => process.remember(`waits ${ticket} ${highestSeen}`);
  const wait = { info: null, onWaiting, signal: neverAborted(throwIfAborted) };
  await holdAndRelease(process, await openLock().acquire({ purpose: "session", info: null, wait }));
};

/** As `run -n`: has the lock at once, or not at all. */
export const doesNotWait: Conduct = async (process) => {
  await process.ask({ op: "arrive" });
  await holdAndRelease(process, await openLock().acquire({ purpose: "session", info: null }));
};

async function holdAndRelease(
  process: ModelProcess,
  { held }: Awaited<ReturnType<ClaimLock["acquire"]>>,
): Promise<void> {
  await process.doTasks();
  if (held === null) return;
  process.remember("holds");
  await held.release(null);
  await process.doTasks();
}
