import * as v from "valibot";
import { errorText } from "../failure.ts";

/** What holdfast needs of fs-native-extensions: record locks that belong to the open file, not to the process. */
export interface NativeLocks {
  /** False when another open file holds a conflicting lock. */
  tryLock(descriptor: number, options?: { shared?: boolean }): boolean;
  waitForLock(descriptor: number, options?: { shared?: boolean }): Promise<void>;
  unlock(descriptor: number): void;
}

/** And to give room back to the disk that a file has taken. */
export interface NativeFiles {
  /** Makes a hole of so many bytes: they read as NUL and take no room; the file's size stays. */
  trim(descriptor: number, offset: number, length: number): Promise<void>;
}

type NativePart = NativeLocks & NativeFiles;

const manifestSchema = v.object({ version: v.string() });

let loaded: NativePart | Error | undefined;

/** What the native part can do for locks, or why it cannot be loaded here (musl, an unknown platform). */
export function nativeLocks(): NativeLocks | Error {
  return nativePart();
}

/** What the native part can do for files, or why it cannot be loaded here. */
export function nativeFiles(): NativeFiles | Error {
  return nativePart();
}

/** Tried once per process. */
function nativePart(): NativePart | Error {
  if (loaded === undefined) {
    try {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- loaded late and may be missing; has no types
      loaded = require("fs-native-extensions") as NativePart;
    } catch (error) {
      loaded = new Error(errorText(error), { cause: error });
    }
  }
  return loaded;
}

/** The version of the native part. */
export function nativeVersion(): string {
  const manifest: unknown = require("fs-native-extensions/package.json");
  return v.parse(manifestSchema, manifest).version;
}
