import { closeSync, statSync, watch } from "node:fs";
import { dirname, join } from "node:path";
import { Failure } from "../failure.ts";
import { systemClock } from "../process/clock.ts";
import { here, livenessOf } from "../process/identity.ts";
import { readClaim } from "./claim-record.ts";
import type { Beat, Heartbeat, Pulse, PulsedFile, PulseMark } from "./pulse.ts";

/** How long after its last beat a lease counts as dead; proper-lockfile beats every half of it, at most. */
export const leaseStaleMs = 15_000;
const beatEveryMs = 3_000;
/** How often a waiter looks at a lease: there is no kernel to wake it. */
const lookEveryMs = 1_000;

type LeaseMark = Extract<PulseMark, { kind: "lease" }>;

/**
 * A pulse for file systems without trustworthy kernel locks: a proper-lockfile lock on a path that only this claim
 * uses. Nobody ever contends for it, so proper-lockfile's takeover, which can grant twice (its issue 121), never
 * runs; what is used of it is the heartbeat, and the word that the heartbeat was disturbed.
 * The library is loaded only here: requiring it adds signal listeners and patches `process.reallyExit`.
 */
export class LeasePulse implements Pulse {
  readonly kind = "lease";
  readonly #staleMs: number;

  constructor(staleMs: number = leaseStaleMs) {
    this.#staleMs = staleMs;
  }

  async begin(path: string, descriptor: number, handedOn?: PulseMark): Promise<Beat> {
    const mark: LeaseMark =
      handedOn?.kind === "lease" ? handedOn : { kind: "lease", lease: newLeaseName(), stale_ms: this.#staleMs };
    const lost = new AbortController();
    const { lock } = await loadLockfile();
    const lockfilePath = join(dirname(path), mark.lease);
    const release = await lock(path, {
      lockfilePath,
      realpath: false,
      stale: mark.stale_ms,
      update: Math.min(beatEveryMs, mark.stale_ms / 2),
      onCompromised: (error) => lost.abort(error),
    });
    const stop = async () => {
      closeSync(descriptor);
      // A compromised lease is not ours to release any more.
      if (!lost.signal.aborted) await release().catch(() => undefined);
    };
    return { mark, descriptor: null, lost: lost.signal, end: stop, leave: stop };
  }

  async probe(file: PulsedFile): Promise<Heartbeat> {
    // An owner of this very kernel is believed when it is dead; alive, it may still have lost its heart. Of another boot
    // id nothing is known here: hosts that share a directory may share a name too.
    if (file.owner.boot === here().boot && livenessOf(file.owner) === "dead") return "dead";
    const mark = leaseOf(file);
    // While a lease goes from the command to its keeper it is gone for a moment, but the claim was just written. One look
    // at each, in this order: with a second look at the lease it could come or go in between.
    const beatMs = modifiedMs(join(dirname(file.path), mark.lease)) ?? modifiedMs(file.path);
    return beatMs !== null && Date.now() - beatMs <= mark.stale_ms ? "beating" : "dead";
  }

  async waitForEnd(file: PulsedFile, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const changed = new ChangeBell(file.path);
    try {
      const before = sizeOf(file.path);
      // Released before the bell was there to ring.
      if (readClaim(file.path)?.state === "released") return;
      while ((await this.probe(file)) === "beating") {
        // A clean release appends to the claim; whoever waits then looks at what it says.
        if (sizeOf(file.path) !== before) return;
        await changed.ringOr(lookEveryMs, signal);
      }
    } finally {
      changed.close();
    }
  }
}

/** Rings when a file changes, where the file system tells; otherwise only the time-out does. */
class ChangeBell {
  readonly #watcher: { close(): void } | null;
  #ring: () => void = () => undefined;

  constructor(path: string) {
    this.#watcher = this.#watch(path);
  }

  #watch(path: string): { close(): void } | null {
    try {
      return watch(path, { persistent: false }, () => this.#ring()).on("error", () => undefined);
    } catch {
      return null;
    }
  }

  async ringOr(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const rung = new AbortController();
    this.#ring = () => rung.abort();
    const either = signal === undefined ? rung.signal : AbortSignal.any([rung.signal, signal]);
    await systemClock.sleep(timeoutMs, either);
    signal?.throwIfAborted();
  }

  close(): void {
    this.#watcher?.close();
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? -1;
}

function modifiedMs(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null;
}

function leaseOf({ path, mark }: PulsedFile): LeaseMark {
  if (mark.kind === "lease") return mark;
  throw new Failure("INTERNAL", `This claim has no lease\n${path}`);
}

function newLeaseName(): string {
  return `.lease-${process.pid.toString(36)}${Date.now().toString(36)}${Math.random().toString(36).slice(2, 10)}`;
}

let library: ReturnType<typeof importLockfile> | undefined;

function loadLockfile(): ReturnType<typeof importLockfile> {
  return (library ??= importLockfile());
}

/**
 * The library comes with signal-exit, whose listeners kill the process by a signal as soon as nobody else listens to it:
 * also when who does has just heard it and takes its listener back. How a process ends by a signal is holdfast's to say,
 * so they are taken away. A lease that is left behind is free at once here, its owner being dead.
 */
async function importLockfile(): Promise<typeof import("proper-lockfile")> {
  const before = signalListeners();
  const lockfile = await import("proper-lockfile");
  for (const [signal, listeners] of signalListeners()) {
    for (const listener of listeners) if (before.get(signal)?.has(listener) !== true) process.off(signal, listener);
  }
  return lockfile;
}

type SignalListeners = ReadonlyMap<NodeJS.Signals, ReadonlySet<NodeJS.SignalsListener>>;

function signalListeners(): SignalListeners {
  const signals = process.eventNames().filter((name): name is NodeJS.Signals => /^SIG[A-Z0-9]+$/.test(String(name)));
  return new Map(signals.map((signal) => [signal, new Set(process.listeners(signal))]));
}
