import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import { bin, openWorkspace } from "../support/workspace.ts";

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

it.each([
  [["start", "b4"]],
  [["start", "b4", "--slots", "0", "--", "true"]],
  [["start", "--wait", "soon", "--", "true"]],
  [["start", "-l", "a/b", "--", "true"]],
  [["run", "--slots", "0", "true"]],
])("%j is refused, and makes no state directory: below it, another one would not be found any more", async (words) => {
  const workspace = openWorkspace();
  expect(await workspace.holdfast(words)).toMatchObject({ exitCode: 64, stdout: "" });
  expect(existsSync(workspace.state)).toBe(false);
});

it.each([
  [["help", "--help"], ["--help"]],
  [["help"], ["--help"]],
  [["help", "help"], ["--help"]],
  [["-q", "help"], ["--help"]],
  [["-l", "start", "--help"], ["--help"]],
  [
    ["help", "start"],
    ["start", "--help"],
  ],
  [
    ["-ql", "nightly", "help", "run"],
    ["run", "--help"],
  ],
  [["version"], ["--version"]],
  [
    ["version", "--json"],
    ["--version", "--json"],
  ],
])("%j is the same as %j", async (words, options) => {
  const workspace = openWorkspace();
  const { exitCode, stdout } = await workspace.holdfast(options);
  expect(exitCode).toBe(0);
  expect(await workspace.holdfast(words)).toMatchObject({ exitCode, stdout, stderr: "" });
});

it("-q and -C in one word are these two, also before a command that is given another one", async () => {
  const workspace = openWorkspace();
  const { exitCode, stderr } = await workspace.holdfast(["-qC", workspace.root, "start", "b4", "--", "sleep", "300"]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
});

it("help for a command that there is not is refused as that command is", async () => {
  const refused = await openWorkspace().holdfast(["help", "strat"]);
  expect(refused).toMatchObject({ exitCode: 64, stdout: "" });
  expect(refused.stderr).toMatch(/^✖ Unknown command 'strat'\n.*start/);
});

it.runIf(existsSync("/proc/self/cmdline"))("an argument that Node cannot pass on as it is is refused", async () => {
  const workspace = openWorkspace();
  const print = async (octal: string) => {
    const script = `exec "$0" "$1" --json run printf %s "$(printf 'caf${octal}')"`;
    return workspace.spawn(["sh", "-c", script, process.execPath, bin], { input: "" }).ended;
  };
  const latin = await print(String.raw`\351`);
  expect(latin.exitCode).toBe(64);
  expect(latin.json().error).toMatchObject({ code: "USAGE", message: expect.stringContaining("not UTF-8") });
  expect(await print(String.raw`\303\251`)).toMatchObject({ exitCode: 0, stdout: "café" });
  expect(await print(String.raw`\357\277\275`)).toMatchObject({ exitCode: 0, stdout: "caf\uFFFD" });
});
