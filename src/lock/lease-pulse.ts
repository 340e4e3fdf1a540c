import { closeSync, constants, fstatSync, openSync, statSync, watch, type Stats } from "node:fs";
import { dirname, join } from "node:path";
import { Failure } from "../failure.ts";
import { systemClock, type Clock } from "../process/clock.ts";
import { here, livenessOf } from "../process/identity.ts";
import { readClaim } from "./claim-record.ts";
import type { Beat, Heartbeat, Pulse, PulsedFile, PulseMark } from "./pulse.ts";

/** How long after its last beat a lease counts as dead; proper-lockfile beats every half of it, at most. */
export const leaseStaleMs = 15_000;
const beatEveryMs = 3_000;
/** How often a waiter looks at a lease: there is no kernel to wake it. */
const lookEveryMs = 1_000;
/** How often to look at a lease that should have beaten again. */
const doubtEveryMs = 100;
/** Two looks that lie further apart show no more than this. */
const longestLookMs = 2 * lookEveryMs;
/** For how many beats a lease is watched before the clock is believed that it is dead. */
const beatsWatched = 1.5;

type LeaseMark = Extract<PulseMark, { kind: "lease" }>;

/** How often its owner touches a lease that counts as dead after so long. */
function beatEvery(staleMs: number): number {
  return Math.min(beatEveryMs, staleMs / 2);
}

export interface LeaseTime {
  /** Milliseconds since 1970, as this machine has it: it may be wrong, and jump. */
  readonly wallMs: () => number;
  readonly clock: Clock;
}

/** A lease, or a claim that is to get one again, that this process has looked at. */
interface Watched {
  /** Its last beat, as its owner's clock has it. */
  readonly beatMs: number;
  /** For how long this very beat was seen, and none after it. */
  readonly watchedMs: number;
  /** Whether another one was seen before it. */
  readonly beats: boolean;
  /** When it was last looked at, on the monotonic clock of this process. */
  readonly atMs: number;
}

/**
 * A pulse for file systems without trustworthy kernel locks: a proper-lockfile lock on a path that only this claim
 * uses. Nobody ever contends for it, so proper-lockfile's takeover, which can grant twice (its issue 121), never
 * runs; what is used of it is the heartbeat, and the word that the heartbeat was disturbed.
 * The library is loaded only here: requiring it adds signal listeners and patches `process.reallyExit`.
 */
export class LeasePulse implements Pulse {
  readonly kind = "lease";
  readonly #staleMs: number;
  readonly #time: LeaseTime;
  readonly #watched = new Map<string, Watched>();

  constructor(staleMs: number = leaseStaleMs, time: LeaseTime = { wallMs: Date.now, clock: systemClock }) {
    this.#staleMs = staleMs;
    this.#time = time;
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
      update: beatEvery(mark.stale_ms),
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
    for (;;) {
      const heartbeat = this.#look(file);
      if (heartbeat !== "doubtful") return heartbeat;
      await this.#time.clock.sleep(doubtEveryMs);
    }
  }

  /**
   * A lease that this process has seen to beat is alive as long as it may be silent, whatever the clock says. Of another
   * the clock tells; but before it is believed that a lease is dead, that is watched for longer than a beat: the clock
   * may have jumped, by the sleep of the machine for one thing, or differ from that of the owner.
   */
  #look(file: PulsedFile): "beating" | "dead" | "doubtful" {
    // An owner of this very kernel is believed when it is dead; alive, it may still have lost its heart. Of another boot
    // id nothing is known here: hosts that share a directory may share a name too.
    if (file.owner.boot === here().boot && livenessOf(file.owner) === "dead") return "dead";
    const { lease, stale_ms: staleMs } = leaseOf(file);
    // While a lease goes from the command to its keeper it is gone for a moment, but the claim was just written. One look
    // at each, in this order: with a second look at the lease it could come or go in between.
    const beat = lastTouch(join(dirname(file.path), lease)) ?? lastTouch(file.path);
    if (beat === null) return "dead";
    const { watchedMs, beats } = this.#watch(beat, staleMs);
    if (watchedMs >= staleMs) return "dead";
    if (beats || this.#time.wallMs() - beat.beatMs <= staleMs) return "beating";
    return watchedMs > beatsWatched * beatEvery(staleMs) ? "dead" : "doubtful";
  }

  /**
   * What passes between two looks that lie far apart does not count as watched: this process, and the owner with it, may
   * have been frozen. Who looks only now and then sees it for the first time, each time.
   */
  #watch({ path, beatMs }: Touch, staleMs: number): Watched {
    const atMs = this.#time.clock.now();
    const last = this.#watched.get(path);
    const before = last !== undefined && atMs - last.atMs < staleMs ? last : undefined;
    const isSame = before?.beatMs === beatMs;
    const watchedMs = isSame ? before.watchedMs + Math.min(atMs - before.atMs, longestLookMs) : 0;
    const beats = before !== undefined && (before.beats || !isSame);
    const watched = { beatMs, watchedMs, beats, atMs };
    this.#watched.set(path, watched);
    return watched;
  }

  async waitForEnd(file: PulsedFile, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const changed = new ChangeBell(file.path);
    try {
      const before = sizeOf(file.path);
      // Released before the bell was there to ring.
      if (readClaim(file.path)?.state === "released") return;
      for (let heartbeat = this.#look(file); heartbeat !== "dead"; heartbeat = this.#look(file)) {
        // A clean release appends to the claim; whoever waits then looks at what it says.
        if (sizeOf(file.path) !== before) return;
        await changed.ringOr(heartbeat === "beating" ? lookEveryMs : doubtEveryMs, signal);
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
  return freshStat(path)?.size ?? -1;
}

/**
 * A client of NFS answers stat(2) from what it remembers, of a directory for up to a minute, which is longer than a lease
 * lasts. Opening asks the server (nfs(5), close-to-open consistency).
 */
function freshStat(path: string): Stats | undefined {
  let descriptor: number;
  try {
    // It may be anything that somebody has put there.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    // Not there, or it may not be read.
    return statSync(path, { throwIfNoEntry: false });
  }
  try {
    return fstatSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

interface Touch {
  readonly path: string;
  readonly beatMs: number;
}

/** When a file was last touched; null when there is none. */
function lastTouch(path: string): Touch | null {
  const stat = freshStat(path);
  return stat === undefined ? null : { path, beatMs: stat.mtimeMs };
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
