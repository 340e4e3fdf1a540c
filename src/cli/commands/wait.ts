import { Failure } from "../../failure.ts";
import { parseDuration } from "../../home/duration.ts";
import { abortAfter } from "../../process/clock.ts";
import { shellCode } from "../../session/shell-code.ts";
import { wait } from "../../session/wait.ts";
import { openCliContext, parseId, type Cli, type Exit } from "../cli.ts";

export interface WaitOptions {
  readonly until: "ended" | "ready" | "free";
  readonly timeout?: string;
}

export async function waitCommand(cli: Cli, options: WaitOptions, id: string | undefined): Exit {
  const limitMs = options.timeout === undefined ? null : parseDuration(options.timeout, "--timeout");
  const patience = limitMs === null ? undefined : abortAfter(limitMs);
  const context = await openCliContext(cli, { access: "read" });
  const request = { id: parseId(id), until: options.until, ...(patience === undefined ? {} : { signal: patience }) };
  try {
    const waited = await wait(context, request);
    (await cli.show()).waited(waited, options.until);
    return waited.end === null || options.until !== "ended" ? 0 : shellCode(waited.end.exit_code, waited.end.signal);
  } catch (error) {
    if (patience?.aborted !== true || error !== patience.reason) throw error;
    throw new Failure("WAIT_TIMEOUT", `Not ${options.until} after ${(limitMs ?? 0) / 1000} s`, {
      facts: { waited_seconds: (limitMs ?? 0) / 1000 },
      next: [{ does: "look", command: "holdfast status" }],
    });
  }
}
