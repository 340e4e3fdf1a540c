import { expect, it } from "vitest";
import { openWorkspace } from "../support/workspace.ts";

it.each([
  [["status", "foo"], "✖ Too many arguments\n"],
  [["stop", "b4", "extra"], "✖ Too many arguments\n"],
  [["start", "b4", "sleep"], "✖ Too many arguments. A command to run goes after --\n"],
  [["start", "--owner", "a/b", "--", "true"], '✖ Not an owner: "a/b"\n'],
])("%j is refused in words that fit", async (words, says) => {
  const { exitCode, stderr } = await openWorkspace().holdfast(words);
  expect(exitCode).toBe(64);
  expect(stderr.startsWith(says)).toBe(true);
});

it.each([[["help", "--help"]], [["help"]]])("%j is the help of the program", async (words) => {
  const workspace = openWorkspace();
  const help = await workspace.holdfast(["--help"]);
  expect(await workspace.holdfast(words)).toMatchObject({ exitCode: 0, stdout: help.stdout });
});
