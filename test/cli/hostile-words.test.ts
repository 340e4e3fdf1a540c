import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { callSafely } from "../support/every-command.ts";
import { startSession } from "../support/sessions.ts";
import { openWorkspace } from "../support/workspace.ts";

const patient = { timeout: 240_000 };

/** Texts that are none of what is asked for, whatever that is. */
const nonsense = [
  "../../../etc/passwd",
  "\u001B[2J\u001B]0;owned\u0007",
  "🔒🔒",
  "x".repeat(100_000),
  "a\nb",
  "-1",
  "1e999",
  "NaN",
  "$(touch harm)`touch harm`;touch harm",
  "\u202Egnp.exe",
  " ",
];

/** Each option or operand that takes a value of a kind; what it was given goes last. */
const asking: readonly (readonly string[])[] = [
  ["stop"],
  ["wait", "--timeout", "0"],
  ["join", "--no-follow"],
  ["leave"],
  ["status", "-l"],
  ["list", "-n"],
  ["logs", "-n"],
  ["logs", "--since"],
  ["logs", "--session"],
  ["logs", "-o", "--cursor"],
  ["stop", "--signal"],
  ["stop", "--kill-after"],
  ["run", "-n", "--slots"],
  ["run", "--timeout"],
  ["run", "-n", "--id"],
  ["start", "demo", "--ready-port"],
  ["start", "demo", "--restart", "always", "--max-restarts"],
  ["join", "--pid"],
  ["join", "--as"],
  ["watch", "--once", "--interval"],
  ["cleanup", "--dry-run", "--idle"],
  ["stats", "--days"],
];

describe("words that are not what a command asks for", () => {
  it("are refused (USAGE 64) or mean nothing here, run nothing, and do not act on the terminal", patient, async () => {
    const workspace = openWorkspace();
    for (const [index, words] of asking.entries()) {
      // Each kind of nonsense for each kind of option would take minutes.
      for (const text of [nonsense[index % nonsense.length], nonsense[(index + 5) % nonsense.length]]) {
        const call = [...words, text ?? "", ...(words[0] === "start" ? ["--", "touch", "harm"] : [])];
        const { exitCode, stderr } = await callSafely(workspace, call);
        expect({ call, exitCode, stderr }).toMatchObject({
          exitCode: expect.toSatisfy((code) => [0, 64, 66].includes(code)),
        });
        expect(stderr.length).toBeLessThan(2_000);
      }
    }
    expect(existsSync(join(workspace.root, "harm"))).toBe(false);
    expect(existsSync(workspace.state)).toBe(false);
  });

  it("are what a match is: a glob that means nothing, however many stars it has", patient, async () => {
    const workspace = openWorkspace();
    await startSession(workspace, ["sleep", "300"], { id: "a".repeat(64) });
    for (const glob of [`${"*a".repeat(30)}b`, "(a+)+$", "[", "\\", "?".repeat(64)]) {
      const { exitCode } = await callSafely(workspace, ["cleanup", "--dry-run", "--match", glob]);
      expect({ glob, exitCode }).toEqual({ glob, exitCode: 0 });
    }
  });
});

const variables = [
  "HOLDFAST_LOCK",
  "HOLDFAST_DIR",
  "HOLDFAST_STATE_DIR",
  "HOLDFAST_PULSE",
  "HOLDFAST_OWNER",
  "HOLDFAST_AS",
  "HOLDFAST_SESSION",
  "HOLDFAST_ANCESTORS",
  "HOLDFAST_DEPTH",
  "HOLDFAST_JOINED",
  "HOLDFAST_CLOSE",
  "HOLDFAST_TOKEN",
  "HOLDFAST_UID",
  "HOLDFAST_SESSION_ID",
  "HOLDFAST_SLOT",
  "HOLDFAST_HOOK",
  "HOLDFAST_COLOR",
  "HOLDFAST_JSON",
  "HOLDFAST_QUIET",
  "HOLDFAST_VERBOSE",
];

describe("variables with anything in them", () => {
  it.each(variables)("%s: a command answers as without, or refuses it by its name", patient, async (name) => {
    const workspace = openWorkspace();
    // What takes any path makes that directory, below the project's.
    for (const text of nonsense.filter((each) => each.length < 1_000 || !name.endsWith("DIR"))) {
      const env = { [name]: text };
      for (const words of [["status"], ["run", "-n", "true"]]) {
        const { exitCode, stderr, stdout } = await callSafely(workspace, words, { env, cwd: workspace.root });
        const isFine =
          exitCode === 0 ||
          (exitCode !== null && [64, 73, 74, 77].includes(exitCode) && `${stderr}${stdout}`.length > 0);
        expect({ name, text, words, isFine, stderr }).toMatchObject({ isFine: true });
      }
    }
    expect(existsSync(join(workspace.root, "harm"))).toBe(false);
  });
});
