import { describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { failureCases, type FailureCase } from "../support/failing-calls.ts";
import { schemaProblems } from "../support/output-schema.ts";
import type { Outcome } from "../support/program.ts";
import { bin, openWorkspace, type Workspace } from "../support/workspace.ts";

async function fail(workspace: Workspace, { prepare }: FailureCase, ...globals: string[]): Promise<Outcome> {
  const { words, env = {}, program, meanwhile } = await prepare(workspace);
  const line = [...globals, ...words];
  const call =
    program === undefined ? workspace.spawnHoldfast(line, { env }) : workspace.spawn([...program, ...line], { env });
  call.closeInput();
  await meanwhile?.(call.pid);
  return call.ended;
}

/** The last document on stdout: before it may come what the command itself wrote. */
function documentOf({ stdout }: Outcome): unknown {
  return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
}

const named = failureCases.map((failure) => [`${failure.code}, because ${failure.when},`, failure] as const);

describe.each(named)("%s", (_, failure) => {
  const { code, says } = failure;

  it(`exits with ${exitCodes[code]} and tells a person on stderr`, async () => {
    const workspace = openWorkspace();
    const failed = await fail(workspace, failure);
    expect(failed.exitCode).toBe(exitCodes[code]);
    expect(failed.stderr).toMatch(/^(?:⏳ .*\n)?✖ /);
    expect(failed.stderr).toContain(says);
    expect(failed.stdout).not.toContain("✖");
  });

  it(`exits with ${exitCodes[code]} and tells a program on stdout`, async () => {
    const workspace = openWorkspace();
    const failed = await fail(workspace, failure, "--json");
    expect(failed.exitCode).toBe(exitCodes[code]);
    expect(failed.stderr.split("\n").filter((line) => line !== "" && !line.startsWith('{"'))).toEqual([]);
    const document = documentOf(failed);
    expect(schemaProblems("failure", document)).toEqual([]);
    expect(document).toMatchObject({ ok: false, error: { code, message: expect.stringContaining(says) } });
  });
});

describe("the table of exit codes", () => {
  it("has no row that is not produced here", () => {
    expect(new Set(failureCases.map(({ code }) => code))).toEqual(new Set(Object.keys(exitCodes)));
  });
});

describe("whoever read the output has gone", () => {
  // What comes out of the pipe is closed first; then the one that writes into it is let begin.
  const script = `mkfifo gone; { read -r line <gone; "$@"; echo $? >code; } | { exec <&-; echo >gone; }`;

  it.each([[["list"]], [["stop"]]])("exits with 141, as programs killed by SIGPIPE: %j", async (words) => {
    const workspace = openWorkspace();
    const call = [process.execPath, bin, "--json", ...words];
    const piped = await workspace.spawn(["sh", "-c", script, "sh", ...call], { input: "" }).ended;
    expect(piped).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
    expect(workspace.read("code")).toBe("141\n");
  });
});
