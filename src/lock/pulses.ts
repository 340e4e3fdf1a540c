import { Failure } from "../failure.ts";
import { fileSystemKindOf, type FileSystemKind } from "./file-system-kind.ts";
import { KernelPulse } from "./kernel-pulse.ts";
import { LeasePulse, leaseStaleMs } from "./lease-pulse.ts";
import { nativeLocks } from "./native.ts";
import type { Pulse, PulseKind, PulsesByKind } from "./pulse.ts";

/** Both pulses, to judge any claim by, and the one that new claims get here. */
export interface Pulses {
  readonly byKind: PulsesByKind;
  readonly forNew: Pulse;
  /** For `doctor` and `status`: which pulse new claims get, and why. */
  readonly choice: PulseChoice;
}

export interface PulseChoice {
  readonly kind: PulseKind;
  readonly why: string;
  readonly fileSystem: FileSystemKind;
}

/**
 * @param directory the state directory, which must exist
 * @param wanted `auto`: a kernel lock on a local file system where the native part loads, a lease elsewhere
 * @throws Failure `UNAVAILABLE` when `kernel` is wanted and cannot be had
 */
export function openPulses(directory: string, wanted: "auto" | PulseKind, staleMs: number = leaseStaleMs): Pulses {
  const fileSystem = fileSystemKindOf(directory);
  const native = nativeLocks();
  const choice = choosePulse(wanted, fileSystem, native instanceof Error ? native : null);
  const kernel = new KernelPulse(native instanceof Error ? null : native, fileSystem);
  const byKind = { kernel, lease: new LeasePulse(staleMs) };
  return { byKind, forNew: byKind[choice.kind], choice: { ...choice, fileSystem } };
}

/** @param nativeError why the native part cannot be loaded, or null when it can */
export function choosePulse(
  wanted: "auto" | PulseKind,
  fileSystem: FileSystemKind,
  nativeError: Error | null,
): { readonly kind: PulseKind; readonly why: string } {
  if (wanted === "lease") return { kind: "lease", why: "the configuration says so" };
  if (wanted === "kernel") {
    if (nativeError !== null) {
      throw new Failure("UNAVAILABLE", `Kernel locks cannot be had here: ${nativeError.message}`, {
        next: [{ does: "let holdfast choose", command: "HOLDFAST_PULSE=auto holdfast …" }],
        cause: nativeError,
      });
    }
    return { kind: "kernel", why: "the configuration says so" };
  }
  if (nativeError !== null) return { kind: "lease", why: "the native part cannot be loaded" };
  if (fileSystem.shared) return { kind: "lease", why: `${fileSystem.name} may be shared with other machines` };
  return { kind: "kernel", why: "a local file system, and the native part loads" };
}
