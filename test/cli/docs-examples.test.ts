import { chmodSync, cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { freePort } from "../support/free-port.ts";
import { holdLock } from "../support/held-lock.ts";
import type { Outcome } from "../support/program.ts";
import { bin, openWorkspace, type Workspace } from "../support/workspace.ts";

const repository = join(import.meta.dirname, "../..");

/** The block of shell commands in a page that has these words. */
function blockWith(page: string, words: string): string {
  const text = readFileSync(join(repository, page), "utf8");
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = ""]) => block);
  const block = blocks.find((each) => each.includes(words));
  if (block === undefined) throw new Error(`${page} has no block with "${words}"`);
  return block;
}

/** As CI runs it: what fails ends it. `holdfast` is the program under test. */
function runScript(workspace: Workspace, script: string): Promise<Outcome> {
  addProgram(workspace, "holdfast", `exec '${process.execPath}' '${bin}' "$@"`);
  const withPrograms = `PATH='${join(workspace.root, "programs")}':$PATH\n${script}`;
  return workspace.spawn(["sh", "-euc", withPrograms], { input: "" }).ended;
}

function addProgram(workspace: Workspace, name: string, content: string): void {
  chmodSync(workspace.write(join("programs", name), `#!/bin/sh\n${content}\n`), 0o755);
}

it.each([
  [0, { exitCode: 0, stdout: "deployed\n" }],
  [3, { exitCode: 1, stdout: "the deployment failed\n" }],
])("the CI job of docs/exit-codes.md tells a deployment that exits with %d under `set -e`", async (code, told) => {
  const workspace = openWorkspace();
  chmodSync(workspace.write("deploy.sh", `#!/bin/sh\nexit ${code}\n`), 0o755);
  expect(await runScript(workspace, blockWith("docs/exit-codes.md", "esac"))).toMatchObject(told);
});

it("the CI job of docs/exit-codes.md tells that somebody else deploys under `set -e`", async () => {
  const workspace = openWorkspace();
  const held = await holdLock(workspace);
  const job = await runScript(workspace, blockWith("docs/exit-codes.md", "esac"));
  expect(job).toMatchObject({ exitCode: 0, stdout: "somebody else is deploying\n" });
  await held.letGo();
});

it("what README.md tells agents and scripts to type works in its order with the example agent", async () => {
  const workspace = openWorkspace();
  cpSync(join(repository, "examples/agent"), join(workspace.root, "examples/agent"), { recursive: true });
  const post = workspace.write(
    "post.mjs",
    'await fetch(process.argv.at(-1), { method: "POST", body: "{\\"seconds\\": 1}" });',
  );
  addProgram(workspace, "curl", `exec '${process.execPath}' '${post}' "$@"`);
  const block = blockWith("README.md", "--or-join");
  // The last line waits for an end that somebody else has to bring about.
  const [before = "", last = ""] = block.split(/^(?=holdfast wait --timeout)/m);
  expect(last).toContain("ends");
  const port = String(await freePort());
  const script = `export PORT=${port}\n${before}holdfast --json stop\n`.replaceAll("8123", port);
  const { exitCode, stdout } = await runScript(workspace, script);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('"until":"output=');
  expect(stdout).toContain('"reason":"stopped"');
});
