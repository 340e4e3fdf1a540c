/** What holdfast needs of fs-native-extensions: record locks that belong to the open file, not to the process. */
export interface NativeLocks {
  /** False when another open file holds a conflicting lock. */
  tryLock(descriptor: number, options?: { shared?: boolean }): boolean;
  waitForLock(descriptor: number, options?: { shared?: boolean }): Promise<void>;
  unlock(descriptor: number): void;
}

let loaded: NativeLocks | Error | undefined;

/** The native part, or why it cannot be loaded here (musl, an unknown platform). Tried once per process. */
export function nativeLocks(): NativeLocks | Error {
  if (loaded === undefined) {
    try {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- loaded late and may be missing; has no types
      loaded = require("fs-native-extensions") as NativeLocks;
    } catch (error) {
      loaded = error instanceof Error ? error : new Error(String(error));
    }
  }
  return loaded;
}
