import { expect, it } from "vitest";
import { agentOfLauncher } from "../../../src/keeper/launcher.ts";
import type { SessionKeeper } from "../../../src/keeper/session-keeper.ts";
import { systemClock } from "../../../src/process/clock.ts";
import type { Context } from "../../../src/session/context.ts";
import { FakeMachine } from "../../support/fake-machine.ts";
import { rejectionOf } from "../../support/failure-of.ts";
import { session as sample } from "../present/samples.ts";

it("a launcher that leaves only what is dying has started no agent, when that does not go either (R3.1)", async () => {
  const uid = process.geteuid?.() ?? 0;
  const machine = new FakeMachine();
  const launcher = machine.start({ uid });
  // The kernel takes an ending process's arguments first.
  const dying = machine.fork(launcher, { uid, argv: [], command: "[sh]" });
  machine.end(launcher.pid);
  const limits = { process: null, return_within_ms: 60_000, pid_file_within_ms: 20 };
  const session = { ...sample, agent: launcher.identity, pid_file: null, launcher: limits };
  // Only what is asked of them here.
  const keeper = { session, ending: new AbortController().signal } as unknown as SessionKeeper;
  const context = { processes: async () => machine } as unknown as Context;
  const agent = {
    pid: launcher.pid,
    identity: launcher.identity,
    spawnedAtMs: systemClock.now(),
    exited: Promise.resolve({ code: 0, signal: null, at: new Date() }),
    outputFromByte: 0,
  };
  expect(await rejectionOf(agentOfLauncher(context, keeper, agent, limits))).toMatchObject({
    code: "START_FAILED",
    message: "The launcher returned, but nothing that it left came to run within 0.02 s; what it has started was ended",
    facts: { processes: [{ pid: dying.pid, command: "[sh]" }] },
  });
});
