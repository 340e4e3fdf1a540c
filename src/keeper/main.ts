import { closeSync, readFileSync, writeSync } from "node:fs";
import { errorText, Failure } from "../failure.ts";
import { homeAt } from "../home/locate.ts";
import { claimDescriptor } from "../session/claim-descriptor.ts";
import { openContext } from "../session/context.ts";
import { formatMessage, parseMessage, reportDescriptor, type Handover, type Report } from "../session/handover.ts";
import { keepInBackground } from "./background.ts";

/** The keeper's entry: reads what it is to keep, keeps it, and is gone. */
async function main(): Promise<void> {
  const handover = parseMessage<Handover>(readFileSync(0, "utf8"));
  // Whoever spawned this keeper died before it had handed the session over: nothing has been started.
  if (handover === null) return;
  const context = await openContext({
    home: homeAt(handover.root, handover.state),
    config: handover.config,
    env: process.env,
    lockName: handover.lock,
    by: handover.by,
    create: true,
  });
  const descriptor = handover.mark.kind === "kernel" ? claimDescriptor : null;
  const held = await context.lock.adopt({ token: handover.token, mark: handover.mark, descriptor });
  try {
    process.exitCode = await keepInBackground(context, held, handover, report);
  } finally {
    await context.hooks.settled();
  }
}

let reported = false;

function report(message: Report): void {
  if (reported) return;
  reported = true;
  try {
    writeSync(reportDescriptor, formatMessage(message));
    closeSync(reportDescriptor);
  } catch {
    // Whoever waited for it is gone; the session goes on.
  }
}

main().then(
  () => process.exit(),
  (error: unknown) => {
    const failure =
      error instanceof Failure ? error : new Failure("INTERNAL", `The keeper failed: ${errorText(error)}`);
    report({ started: false, code: failure.code, message: failure.message, facts: failure.facts });
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(70);
  },
);
