import { existsSync } from "node:fs";
import * as v from "valibot";
import { errorText } from "../failure.ts";
import type { Home } from "../home/locate.ts";
import { actorSchema, signalSchema } from "./session-info.ts";
import { makeSessionDirectory, readJson, sessionFiles, writeJson } from "./session-files.ts";

const stopSchema = v.object({
  by: actorSchema,
  reason: v.nullable(v.string()),
  signal: v.nullable(signalSchema),
  kill_after_ms: v.nullable(v.pipe(v.number(), v.minValue(0))),
});

/** What `stop` asks of a keeper: left in the session's directory, then pointed out by SIGTERM. Null: as configured. */
export type StopRequest = Readonly<v.InferOutput<typeof stopSchema>>;

/**
 * In the place of the request before. Its keeper has to be pointed to it, or finds it at its next look.
 * @throws Failure when it cannot be written
 */
export function writeStopRequest(home: Home, uid: string, request: StopRequest): void {
  const files = sessionFiles(home, uid);
  // A session holds the lock for a moment before it has a directory; and somebody may have removed that under it.
  if (!existsSync(files.directory)) makeSessionDirectory(files);
  writeJson(files.stop, request);
}

/** For a keeper, which goes on whatever lies there: null as well for what cannot be read, or trusted. */
export function tryToReadStopRequest(home: Home, uid: string, complain: (problem: string) => void): StopRequest | null {
  try {
    const parsed = v.safeParse(stopSchema, readJson(sessionFiles(home, uid).stop));
    return parsed.success ? parsed.output : null;
  } catch (error) {
    complain(errorText(error));
    return null;
  }
}
