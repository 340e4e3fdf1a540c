import { closeSync, constants, openSync } from "node:fs";
import { Failure, failureFromErrno, isErrno } from "../failure.ts";
import { systemClock } from "../process/clock.ts";
import { here } from "../process/identity.ts";
import type { FileSystemKind } from "./file-system-kind.ts";
import type { NativeLocks } from "./native.ts";
import type { Beat, Heartbeat, Pulse, PulsedFile, PulseMark } from "./pulse.ts";

const mark: PulseMark = { kind: "kernel" };
/** How often to have another look at a pulse that cannot be taken here: its claim may say that it was released. */
const lookEveryMs = 1_000;

/**
 * A pulse the kernel keeps: an exclusive record lock on the claim file itself, owned by the open file (F_OFD_SETLK
 * on Linux, flock on macOS). It ends when the last process that holds the descriptor is gone, whatever killed it,
 * and wakes whoever waits.
 */
export class KernelPulse implements Pulse {
  readonly kind = "kernel";
  readonly #native: NativeLocks | null;
  readonly #fileSystem: FileSystemKind;

  constructor(native: NativeLocks | null, fileSystem: FileSystemKind) {
    this.#native = native;
    this.#fileSystem = fileSystem;
  }

  async begin(path: string, descriptor: number, handedOn?: PulseMark): Promise<Beat> {
    const native = this.#native;
    if (native === null) throw new Failure("UNAVAILABLE", `No kernel locks can be had here\n${path}`);
    // A descriptor that was handed on is locked already, and the kernel ends the lock by itself.
    if (handedOn === undefined && !native.tryLock(descriptor)) {
      throw new Failure("UNAVAILABLE", `A new file is locked by somebody else already\n${path}`, { facts: { path } });
    }
    return {
      mark,
      descriptor,
      lost: new AbortController().signal,
      async end() {
        native.unlock(descriptor);
        closeSync(descriptor);
      },
      async leave() {
        closeSync(descriptor);
      },
    };
  }

  async probe(file: PulsedFile): Promise<Heartbeat> {
    const native = this.#nativeFor(file);
    if (typeof native === "string") return native;
    const descriptor = openToProbe(file.path);
    if (descriptor === null) return "dead";
    try {
      // Shared, so that probes never disturb each other. Closing drops it again.
      return native.tryLock(descriptor, { shared: true }) ? "dead" : "beating";
    } finally {
      closeSync(descriptor);
    }
  }

  async waitForEnd(file: PulsedFile, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const native = this.#nativeFor(file);
    if (native === "dead") return;
    if (native === "unknown") {
      await systemClock.sleep(lookEveryMs, signal);
      return signal?.throwIfAborted();
    }
    const descriptor = openToProbe(file.path);
    if (descriptor === null) return;
    const ended = native.waitForLock(descriptor, { shared: true }).finally(() => closeSync(descriptor));
    await Promise.race([ended, new Promise<never>((_, reject) => onAbort(signal, reject))]);
  }

  /** A kernel lock says something only under the kernel that gave it. What to ask it with, or the answer without. */
  #nativeFor(file: PulsedFile): NativeLocks | "dead" | "unknown" {
    if (file.owner.boot !== here().boot) return this.#fileSystem.shared ? "unknown" : "dead";
    return this.#native ?? "unknown";
  }
}

/** Null when the file is gone, and its claim with it; or when it is a link, which no claim ever is. */
function openToProbe(path: string): number | null {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ELOOP")) return null;
    throw failureFromErrno(error, "look at the pulse of a claim", path);
  }
}

function onAbort(signal: AbortSignal | undefined, reject: (reason: unknown) => void): void {
  signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
}
