import { describe, expect, it } from "vitest";
import { isAlive, lookAt } from "../support/live-processes.ts";
import { pulsesHere } from "../support/pulses-here.ts";
import { endOf, expectFree, startSession, survivorsOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

interface Misbehaviour {
  readonly fixture: string;
  /** What it announces beside `agent`, and what is to be ended with it. */
  readonly others: readonly string[];
  /** Resolves when it has gone as far as it goes. */
  readonly untilItMisbehaves?: (workspace: Workspace) => Promise<unknown>;
  readonly pulses?: readonly string[];
}

const hasLostItsParents = async (workspace: Workspace) => {
  const daemon = await workspace.announced("daemon");
  await until(() => lookAt(daemon)?.ppid === 1);
};

const misbehaviours: readonly Misbehaviour[] = [
  { fixture: "ignores-term.sh", others: ["child"] },
  { fixture: "forks-on.sh", others: [] },
  {
    fixture: "stops-itself.sh",
    others: [],
    untilItMisbehaves: async (workspace) => {
      const pid = await workspace.announced("agent");
      await until(() => lookAt(pid)?.state === "T");
    },
  },
  { fixture: "changes-group.sh", others: ["child"] },
  { fixture: "closes-descriptors.sh", others: [], pulses: ["kernel", "lease"] },
  { fixture: "daemon.mjs", others: ["daemon"], untilItMisbehaves: hasLostItsParents },
  {
    fixture: "scrubs-itself.sh",
    others: [],
    untilItMisbehaves: async (workspace) => {
      const pid = await workspace.announced("agent");
      await until(() => lookAt(pid)?.command.endsWith("sleep 300"));
    },
    pulses: ["kernel", "lease"],
  },
  { fixture: "scrubbed-daemon.sh", others: ["daemon"], untilItMisbehaves: hasLostItsParents },
];

const cases = misbehaviours.flatMap((each) =>
  pulsesHere
    .filter((pulse) => (each.pulses ?? ["kernel"]).includes(pulse))
    .map((pulse) => [each.fixture, pulse, each] as const),
);

describe.each(cases)("an agent of the kind %s (%s pulse)", (_, pulse, { fixture, others, untilItMisbehaves }) => {
  const env = { HOLDFAST_PULSE: pulse };

  it.each([
    ["stop", ["stop", "--kill-after", "300ms", "--json"], false],
    ["stop, its keeper killed", ["stop", "--kill-after", "300ms", "--json"], true],
    ["cleanup", ["cleanup", "--json"], false],
    ["cleanup, its keeper killed", ["cleanup", "--json"], true],
  ] as const)(
    "is ended with all it started, and nobody else, by %s (R1.1, R2.3, R3.6)",
    async (__, end, isOrphaned) => {
      const workspace = openWorkspace();
      // The same program, of the same user, in another directory and without a session.
      const elsewhere = openWorkspace();
      const bystander = elsewhere.spawn(agent(fixture));
      const session = await startSession(workspace, agent(fixture), { env, options: ["--kill-after", "300ms"] });
      const words = ["agent", ...others];
      const bystanders = [bystander.pid, ...(await Promise.all(words.map((word) => elsewhere.announced(word))))];
      const ours = await Promise.all(words.map((word) => workspace.announced(word)));
      await untilItMisbehaves?.(workspace);
      if (isOrphaned) {
        process.kill(session.keeperPid, "SIGKILL");
        await until(() => !isAlive(session.keeperPid));
      }
      const ended = await workspace.holdfast(end, { env });
      expect(ended).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('"ok":true') });
      expect(survivorsOf([...ours, ...workspace.announcements("fork")])).toEqual([]);
      expect(survivorsOf(bystanders)).toEqual(bystanders);
      expect(endOf(workspace, session.uid)).toMatchObject({
        reason: isOrphaned ? "lost" : "stopped",
        processes: expect.arrayContaining(ours.map((pid) => expect.objectContaining({ pid }))),
        survivors: [],
      });
      await expectFree(workspace, { env });
    },
  );
});
