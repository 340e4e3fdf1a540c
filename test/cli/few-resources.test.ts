import { chmodSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { callSafely } from "../support/every-command.ts";
import { isAlive } from "../support/live-processes.ts";
import { expectFree, startSession } from "../support/sessions.ts";
import { asSomebody, openForEverybody, whyNotSomebody } from "../support/somebody.ts";
import { agent, bin, openWorkspace, type Workspace } from "../support/workspace.ts";

const patient = { timeout: 120_000 };

/** Calls holdfast with so few descriptors. */
function withDescriptors(workspace: Workspace, count: number, ...words: string[]) {
  const limited = ["sh", "-c", `ulimit -n ${count} && exec "$0" "$@"`, process.execPath, bin, ...words];
  return workspace.spawn(limited).ended;
}

describe("with too few descriptors", () => {
  // Node itself needs some twenty, and says nothing of ours when it has fewer; from 22 on it crashes there.
  const counts = Array.from({ length: 14 }, (_, index) => 19 + index);

  it(
    "whatever cannot be done is said, and leaves nothing behind (EMFILE, IO 74, NOT_EXECUTABLE 126)",
    patient,
    async () => {
      const workspace = openWorkspace();
      const said = new Set<string>();
      for (const count of counts) {
        for (const words of [["status"], ["run", "-n", "true"], ["start", "demo", "--", ...agent("sleeper.sh")]]) {
          const { exitCode, signal, stderr } = await withDescriptors(workspace, count, ...words);
          const isOurs = exitCode === 0 || stderr.startsWith("✖");
          if (!isOurs) expect(signal ?? stderr).toMatch(/SIGSEGV|SIGABRT|node:|EMFILE/);
          else if (exitCode !== 0) said.add(stderr);
        }
        await workspace.holdfast(["stop"]);
        await workspace.untilEmpty();
      }
      expect([...said].join("")).toContain("too many open files in this process (EMFILE)");
      expect([...said].join("")).toContain("ulimit -n");
      await expectFree(workspace);
    },
  );
});

/** What loses its permissions, and for which commands that is told by its path. */
const losses: readonly (readonly [string, number])[] = [
  ["", 0o000],
  ["", 0o500],
  ["claims", 0o000],
  ["claims", 0o500],
  ["queue", 0o000],
  ["sessions", 0o000],
  ["holdfast.log", 0o000],
  ["holdfast.log", 0o400],
];

describe.skipIf(asSomebody === null)(
  `when the permission for a part of the state directory is lost${whyNotSomebody}`,
  () => {
    it.each(losses)(
      "(.holdfast/%s, mode %i): every command says so, naming the path, and goes on afterwards",
      patient,
      async (part, mode) => {
        const workspace = openWorkspace();
        openForEverybody(workspace);
        const call = (...words: string[]) =>
          workspace.spawn([...(asSomebody ?? []), process.execPath, bin, ...words]).ended;
        const started = (await call("start", "demo", "--json", "--", ...agent("sleeper.sh"))).json();
        const path = join(workspace.state, part);
        chmodSync(path, mode);
        for (const words of [
          ["status"],
          ["list"],
          ["logs"],
          ["run", "-n", "true"],
          ["-l", "other", "run", "-n", "true"],
          ["cleanup", "--dry-run"],
        ]) {
          const { exitCode, stderr, stdout } = await call(...words);
          expect({ words, exitCode, stderr }).toMatchObject({
            exitCode: expect.toSatisfy((code) => code !== 70 && code !== null),
          });
          const isRefused = exitCode !== 0 && exitCode !== 75;
          if (isRefused)
            expect({ words, said: stderr + stdout }).toMatchObject({
              said: expect.stringMatching(/permission denied \(EACCES\)[\s\S]*\.holdfast/),
            });
        }
        expect(isAlive(started.session.pid)).toBe(true);
        chmodSync(path, part === "holdfast.log" ? 0o600 : 0o700);
        expect((await call("stop")).exitCode).toBe(0);
        expect(isAlive(started.session.pid)).toBe(false);
      },
    );
  },
);

describe("with words of many megabytes", () => {
  it("a session carries its command line through claim, record and log (R3.5)", patient, async () => {
    const workspace = openWorkspace();
    const word = "x".repeat(100_000);
    await startSession(workspace, ["sh", "-c", "exec sleep 300", ...Array.from({ length: 15 }, () => word)]);
    for (const words of [["status", "--json"], ["list", "--json"], ["logs"], ["stop"], ["list"]]) {
      expect((await callSafely(workspace, words)).exitCode).toBe(0);
    }
  });
});
