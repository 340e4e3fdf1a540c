import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { excerpt } from "../home/names.ts";
import { usage } from "./globals.ts";

/**
 * Node reads arguments as UTF-8, and has U+FFFD in place of every byte that is none: a command would be given the name of
 * another file. Where there is no /proc, who typed U+FFFD is believed.
 * @throws Failure `USAGE` for an argument that cannot be passed on as it was typed
 */
export function refuseLostBytes(argv: readonly string[]): void {
  const lost = argv.find((word) => word.includes("\uFFFD"));
  if (lost === undefined || isUtf8(ownCommandLine())) return;
  throw usage(
    `This argument is not UTF-8, and cannot be passed on as it is: ${excerpt(lost)}\nPut the command into a script, and give that.`,
  );
}

function ownCommandLine(): Buffer {
  try {
    return readFileSync("/proc/self/cmdline");
  } catch {
    return Buffer.alloc(0);
  }
}
