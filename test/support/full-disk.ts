import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../../src/failure.ts";

/** Writes until nothing more fits. */
export function fillDisk(directory: string): void {
  for (let file = 0; ; file += 1) {
    try {
      writeFileSync(join(directory, `filler-${file}`), Buffer.alloc(4096));
    } catch (error) {
      if (errnoOf(error) === "ENOSPC") return;
      throw error;
    }
  }
}

/** Makes room again. */
export function emptyDisk(directory: string): void {
  for (const name of readdirSync(directory).filter((each) => each.startsWith("filler-"))) rmSync(join(directory, name));
}
