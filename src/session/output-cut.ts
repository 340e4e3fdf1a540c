import { renameSync } from "node:fs";
import * as v from "valibot";
import { failureFromErrno } from "../failure.ts";
import { readJson } from "./session-files.ts";

const cutSchema = v.object({ first_byte: v.pipe(v.number(), v.integer(), v.minValue(0)) });

type OutputCut = Readonly<v.InferOutput<typeof cutSchema>>;

/** The first byte of an output that is kept; 0 while nothing was cut off, and when the record cannot be read. */
export function readOutputCut(path: string): number {
  const parsed = v.safeParse(cutSchema, readJson(path));
  return parsed.success ? parsed.output.first_byte : 0;
}

/**
 * Records from which byte on an output is kept, in one step: a reader sees the old or the new record, whole. What it
 * says is on the disk when this resolves, and ahead of any change made afterwards: journals keep their order.
 */
export async function writeOutputCut(path: string, firstByte: number): Promise<void> {
  const temporary = `${path}.${process.pid}.new`;
  try {
    // Late, and off this process's only thread: a disk that is busy with the output takes its time.
    const { open } = await import("node:fs/promises");
    const file = await open(temporary, "w", 0o600);
    try {
      await file.writeFile(`${JSON.stringify({ first_byte: firstByte } satisfies OutputCut)}\n`);
      await file.datasync();
    } finally {
      await file.close();
    }
    renameSync(temporary, path);
  } catch (error) {
    throw failureFromErrno(error, "record what is kept of the agent's output", path);
  }
}
