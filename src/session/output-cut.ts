import { renameSync, rmSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import * as v from "valibot";
import { errnoOf, failureFromErrno } from "../failure.ts";
import { readJson } from "./session-files.ts";

const cutSchema = v.object({ first_byte: v.pipe(v.number(), v.integer(), v.minValue(0)) });

type OutputCut = Readonly<v.InferOutput<typeof cutSchema>>;

/** The first byte of an output that is kept; 0 while nothing was cut off, and when the record cannot be read. */
export function readOutputCut(path: string): number {
  const parsed = v.safeParse(cutSchema, readJson(path));
  return parsed.success ? parsed.output.first_byte : 0;
}

/** The same length always, so that one record can be written over another. */
const recordBytes = 64;

/**
 * Records from which byte on an output is kept, in one step: a reader sees the old or the new record, whole. What it
 * says is on the disk when this resolves, and ahead of any change made afterwards: journals keep their order. On a full
 * disk an old record is written over.
 */
export async function writeOutputCut(path: string, firstByte: number): Promise<void> {
  const record = `${JSON.stringify({ first_byte: firstByte } satisfies OutputCut).padEnd(recordBytes - 1)}\n`;
  const temporary = `${path}.${process.pid}.new`;
  try {
    await writeToDisk(temporary, "w", record);
    renameSync(temporary, path);
  } catch (error) {
    if (errnoOf(error) !== "ENOSPC" && errnoOf(error) !== "EDQUOT") throw failureFromErrno(error, operation, path);
    rmSync(temporary, { force: true });
    await overwrite(path, record);
  }
}

const operation = "record what is kept of the agent's output";

/** A reader in the very moment may see no record, and take it that nothing was cut. */
async function overwrite(path: string, record: string): Promise<void> {
  try {
    await writeToDisk(path, "r+", record);
  } catch (error) {
    throw failureFromErrno(error, operation, path);
  }
}

async function writeToDisk(path: string, flags: "w" | "r+", text: string): Promise<void> {
  // Late, and off this process's only thread: a disk that is busy with the output takes its time.
  const { open } = await import("node:fs/promises");
  const file: FileHandle = await open(path, flags, 0o600);
  try {
    await file.writeFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
}
