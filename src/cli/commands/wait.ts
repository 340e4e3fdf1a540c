import { errorText, Failure } from "../../failure.ts";
import { parseDuration } from "../../home/duration.ts";
import { abortAfter } from "../../process/clock.ts";
import { shellCode } from "../../session/shell-code.ts";
import { wait } from "../../session/wait.ts";
import { waitForOutput } from "../../session/wait-for-output.ts";
import { openCliContext, parseId, type Cli, type Exit } from "../cli.ts";
import { usage } from "../globals.ts";

export interface WaitOptions {
  /** `ended`, `ready`, `free` or `output=REGEX`. */
  readonly until: string;
  readonly timeout?: string;
}

export async function waitCommand(cli: Cli, options: WaitOptions, id: string | undefined): Exit {
  const limitMs = options.timeout === undefined ? null : parseDuration(options.timeout, "--timeout");
  const patience = limitMs === null ? undefined : abortAfter(limitMs);
  const until = parseUntil(options.until);
  const context = await openCliContext(cli, { access: "read" });
  const request = { id: parseId(id), ...(patience === undefined ? {} : { signal: patience }) };
  try {
    const waited = await (until instanceof RegExp
      ? waitForOutput(context, { ...request, pattern: until })
      : wait(context, { ...request, until }));
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

const outputPrefix = "output=";

function parseUntil(text: string): "ended" | "ready" | "free" | RegExp {
  if (text === "ended" || text === "ready" || text === "free") return text;
  if (!text.startsWith(outputPrefix)) {
    throw usage(`--until: expected ended, ready, free or output=REGEX, got ${text}`, "holdfast wait --help");
  }
  try {
    return new RegExp(text.slice(outputPrefix.length), "m");
  } catch (error) {
    throw usage(`--until: ${errorText(error)}`, "holdfast wait --help");
  }
}
