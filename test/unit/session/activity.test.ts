import { expect, it } from "vitest";
import { selfIdentity } from "../../../src/process/identity.ts";
import { isAgentGone } from "../../../src/session/activity.ts";
import { session } from "../present/samples.ts";

const alive = selfIdentity();
const dead = { ...alive, started: "0" };
const launcher = { process: dead, return_within_ms: 60_000, pid_file_within_ms: 10_000 };
const path = "/srv/project/agent.pid";

it.each([
  ["it lives", { agent: alive }, false],
  ["it is dead", { agent: dead }, true],
  ["it was never started", { agent: null }, false],
  ["a launcher's, by its PID file, is dead", { agent: dead, launcher, pid_file: path }, true],
  // Anything else that was launched may be the agent.
  ["the eldest that a launcher has left is dead", { agent: dead, launcher }, false],
  [
    "the launcher is dead, and its agent was not known yet",
    { agent: dead, launcher: { ...launcher, process: null }, pid_file: path },
    false,
  ],
])("whether the agent is certainly gone: %s", (_what, change, isGone) => {
  expect(isAgentGone({ ...session, ...change })).toBe(isGone);
});
