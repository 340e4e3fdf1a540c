import { parseDuration } from "../../home/duration.ts";
import { parseSignal } from "../../home/signals.ts";
import { stop } from "../../session/stop.ts";
import { openCliContext, parseId, type Cli, type Exit } from "../cli.ts";

export interface StopOptions {
  readonly killAfter?: string;
  readonly signal?: string;
  readonly reason?: string;
  readonly force?: boolean;
}

export async function stopCommand(cli: Cli, options: StopOptions, id: string | undefined): Exit {
  const request = {
    id: parseId(id),
    force: options.force === true,
    ...(options.reason === undefined ? {} : { reason: options.reason }),
    ...(options.signal === undefined ? {} : { signal: parseSignal(options.signal) }),
    ...(options.killAfter === undefined ? {} : { killAfterMs: parseDuration(options.killAfter, "--kill-after") }),
  };
  (await cli.show()).stopped(await stop(await openCliContext(cli, { access: "read" }), request));
  return 0;
}
