import { closeSync, readFileSync, writeSync } from "node:fs";
import { inspect } from "node:util";
import { errorText, Failure } from "../failure.ts";
import { homeAt } from "../home/locate.ts";
import { claimDescriptor } from "../session/claim-descriptor.ts";
import { openContext, type Context } from "../session/context.ts";
import {
  formatMessage,
  parseMessage,
  reportDescriptor,
  type Handover,
  type HeldHandover,
  type Report,
} from "../session/handover.ts";
import type { TakenLock } from "../session/take-lock.ts";
import { keepInBackground } from "./background.ts";
import { waitForTurn } from "./wait-for-turn.ts";

/** The keeper's entry: reads what it is to keep, keeps it, and is gone. */
async function main(): Promise<void> {
  const handover = parseMessage<Handover>(readFileSync(0, "utf8"));
  // Whoever spawned this keeper died before it had handed the session over: nothing has been started.
  if (handover === null) return;
  if (handover.certificates != null) process.env["NODE_EXTRA_CA_CERTS"] = handover.certificates;
  const context = await openContext({
    home: homeAt(handover.root, handover.state),
    config: handover.config,
    env: process.env,
    lockName: handover.lock,
    by: handover.by,
    create: true,
  });
  try {
    process.exitCode = await keep(context, handover);
  } finally {
    await context.hooks.settled();
  }
}

async function keep(context: Context, handover: Handover): Promise<number> {
  if (handover.kind === "held") {
    const attended = { report, prepare: () => undefined, isAttended: true };
    return keepInBackground(context, await adopt(context, handover), attended);
  }
  const turn = await waitForTurn(context, handover, report);
  return turn === null ? 0 : keepInBackground(context, turn.taken, turn.opening);
}

/** Carries on the lock that `start` took. */
async function adopt(context: Context, { token, mark, session, hold }: HeldHandover): Promise<TakenLock> {
  const descriptor = mark.kind === "kernel" ? claimDescriptor : null;
  return { held: await context.lock.at(session.slot).adopt({ token, mark, descriptor }), session, hold };
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
    report({ outcome: "failed", code: failure.code, message: failure.message, facts: failure.facts });
    process.stderr.write(`${inspect(error)}\n`);
    process.exit(70);
  },
);
