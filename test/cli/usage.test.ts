import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { bin, openWorkspace } from "../support/workspace.ts";

it.each([
  [["status", "foo"], "✖ Too many arguments\n"],
  [["stop", "b4", "extra"], "✖ Too many arguments\n"],
  [["start", "b4", "sleep"], "✖ Too many arguments. A command to run goes after --\n"],
  [["start", "--owner", "a/b", "--", "true"], '✖ Not an owner: "a/b"\n'],
  [["leave", "--pid", "7", "--as", "ci"], "✖ --pid and --as both say who leaves: give one of them\n"],
  [["leave", "--as", "a b"], '✖ Not a client name: "a b"\n'],
  [["join", "--no-follow", "--", "true"], "✖ --no-follow: the client is the command after --, or the calling"],
  [["join", "--pid", "7", "--", "true"], "✖ --pid: the client is the command after --, or that process"],
])("%j is refused in words that fit", async (words, says) => {
  const { exitCode, stderr } = await openWorkspace().holdfast(words);
  expect(exitCode).toBe(64);
  expect(stderr.startsWith(says)).toBe(true);
});

it.each([
  [["stop", "a b"], "holdfast stop --help"],
  [["wait", "--timeout", "5x"], "holdfast wait --help"],
  [["start", "--owner", "a/b", "--", "true"], "holdfast start --help"],
  [["run", "-s", "NIX", "true"], "holdfast run --help"],
  [["--lock", "a b", "status"], "holdfast --lock 'a b' status --help"],
  [["stop", "--frob"], "holdfast stop --help"],
  [["run", "--slots", "x", "true"], "holdfast run --help"],
  [["leave", "--pid", "x"], "holdfast leave --help"],
  [["completion"], "holdfast completion --help"],
  [["frob"], "holdfast --help"],
  [["help", "frob"], "holdfast --help"],
  [["strat", "--help"], "holdfast --help"],
  [["-h", "strat"], "holdfast --help"],
])("%j is refused, and told where to read on", async (words, help) => {
  const refused = await openWorkspace().holdfast(["--json", ...words]);
  expect(refused.exitCode).toBe(64);
  expect(refused.json().error.next).toEqual([help]);
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
  [
    ["help", "--quiet", "stop"],
    ["stop", "--help"],
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

it.each([
  [["start", "demo", "--ready-output", "", "--", "sleep", "300"], "--ready-output: expected a regular expression"],
  [["start", "demo", "--ready-command", "", "--", "sleep", "300"], "--ready-command: expected a shell command"],
  [["wait", "--until", "output="], "--until output=REGEX: expected a regular expression"],
])("%j, of which a part is missing, is refused", async (words, says) => {
  const workspace = openWorkspace();
  const refused = await workspace.holdfast(words);
  expect(refused).toMatchObject({ exitCode: 64, stderr: expect.stringContaining(`${says}, got nothing`) });
  expect(workspace.events("claimed")).toEqual([]);
});

it.each([
  [["start", "demo", "--ready-output", "(", "--", "sleep", "300"], "--ready-output: expected a regular expression (Un"],
  [["wait", "--until", "output=["], "--until output=REGEX: expected a regular expression (Un"],
  [
    ["wait", "--until", `output=${".".repeat(125_000)}`],
    "expected a regular expression (Regular expression too large)",
  ],
])("%j, which is no regular expression, is refused, in few words", async (words, says) => {
  const { exitCode, stderr } = await openWorkspace().holdfast(words);
  expect({ exitCode, stderr }).toEqual({ exitCode: 64, stderr: expect.stringContaining(says) });
  expect(stderr.length).toBeLessThan(400);
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

it("the benchmarks say how they are called, and measure nothing, when they are asked or misused", async () => {
  const call = (...words: string[]) => {
    const program = join(import.meta.dirname, "../../bench/run.mjs");
    return openWorkspace().spawn([process.execPath, program, ...words]).ended;
  };
  const help = await call("--help");
  expect(help).toMatchObject({ exitCode: 0, stderr: "", stdout: expect.stringContaining("--rounds N") });
  expect(await call("--frob")).toMatchObject({ exitCode: 1, stdout: "", stderr: expect.stringContaining(help.stdout) });
  const nothing = await call("startup", "--from", "idle");
  expect(nothing).toMatchObject({
    exitCode: 1,
    stdout: "",
    stderr: expect.stringContaining("--from: idle is none of"),
  });
});

it.each([
  ["always", true],
  ["On", true],
  ["never", false],
  ["0", false],
  ["auto", false],
  ["", false],
])(
  "HOLDFAST_COLOR=%s decides on colours, here where the output is no terminal: %s",
  async (HOLDFAST_COLOR, coloured) => {
    const { exitCode, stdout } = await openWorkspace().holdfast(["stats"], { env: { HOLDFAST_COLOR } });
    expect({ exitCode, coloured: stdout.includes("\u001B[") }).toEqual({ exitCode: 0, coloured });
  },
);

it("HOLDFAST_COLOR=auto leaves it to NO_COLOR and FORCE_COLOR", async () => {
  const env = { HOLDFAST_COLOR: "auto", FORCE_COLOR: "1" };
  expect((await openWorkspace().holdfast(["stats"], { env })).stdout).toContain("\u001B[");
});

it("HOLDFAST_COLOR with any other word is refused", async () => {
  const refused = await openWorkspace().holdfast(["stats"], { env: { HOLDFAST_COLOR: "maybe" } });
  expect(refused).toMatchObject({ exitCode: 64, stdout: "" });
  expect(refused.stderr).toContain('HOLDFAST_COLOR: expected always, never or auto, got "maybe"');
});

it("--help names the commands that were asked for (R0.1)", async () => {
  const { exitCode, stdout } = await openWorkspace().holdfast(["--help"]);
  expect(exitCode).toBe(0);
  const named = [...stdout.matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name);
  expect(named).toEqual(expect.arrayContaining(["start", "join", "stop", "status", "cleanup", "logs"]));
});
