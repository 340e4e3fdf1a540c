import { mkdirSync, symlinkSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { endOf, expectFree, startSession, survivorsOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

const modules = join(import.meta.dirname, "../../node_modules");
const vite = join(modules, "vite/bin/vite.js");
const page = '<!doctype html><title>held</title><script type="module" src="/main.ts"></script>\n';

/** A port that nobody listens on now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const options = ["--host", "127.0.0.1", "--strictPort", "--clearScreen", "false"];

function command(port: number): readonly string[] {
  return ["node", vite, ...options, "--port", String(port)];
}

/** A page with a script that a plugin hands to esbuild, which works in a process of its own and stays. */
function openProject(): Workspace {
  const workspace = openWorkspace();
  workspace.write("index.html", page);
  workspace.write("main.ts", "const answer: number = 42;\ndocument.title = `${answer}`;\n");
  workspace.write(
    "package.json",
    JSON.stringify({ type: "module", scripts: { dev: `node ${vite} ${options.join(" ")}` } }),
  );
  mkdirSync(join(workspace.root, "node_modules"));
  symlinkSync(join(modules, "esbuild"), join(workspace.root, "node_modules/esbuild"));
  workspace.write(
    "vite.config.js",
    `import esbuild from "esbuild";
    const transform = async (code, id) =>
      id.endsWith("main.ts") ? (await esbuild.transform(code, { loader: "ts" })).code : null;
    export default { plugins: [{ name: "by-esbuild", enforce: "pre", transform }] };\n`,
  );
  return workspace;
}

async function get(url: string): Promise<string> {
  return (await fetch(url)).text();
}

describe("vite's dev server under a session", { timeout: 60_000 }, () => {
  it("serves; stop ends it with all its processes, and its port is free at once, again and again (R1.1, R1.3)", async () => {
    const workspace = openProject();
    const port = await freePort();
    for (const id of ["first", "second"]) {
      // --strictPort: a second server only starts when the port is really free.
      const session = await startSession(workspace, command(port), { id });
      const url = `http://127.0.0.1:${port}`;
      expect(await until(() => get(url), { what: "vite serves its page" })).toContain("<title>held</title>");
      expect(await get(`${url}/main.ts`)).toContain("const answer = 42");
      const processes = workspace.agents();
      expect(processes.map(({ pid }) => pid)).toContain(session.pid);
      expect(processes.map((each) => each.command).join("\n")).toContain("esbuild --service");
      const stopped = await workspace.holdfast(["stop", id, "--json"]);
      expect(survivorsOf(processes.map(({ pid }) => pid))).toEqual([]);
      expect(workspace.agents()).toEqual([]);
      expect(stopped.json().end.survivors).toEqual([]);
      await expect(get(url)).rejects.toThrow("fetch failed");
      expect(endOf(workspace, session.uid)).toMatchObject({ reason: "stopped" });
    }
    await expectFree(workspace);
  });

  it("ends below npm too, which starts it through a shell (R1.1, R4.2)", async () => {
    const workspace = openProject();
    const port = await freePort();
    const { pid } = await startSession(workspace, ["npm", "run", "dev", "--", "--port", String(port)]);
    await until(() => get(`http://127.0.0.1:${port}/main.ts`), { what: "vite serves its script" });
    const processes = workspace.agents().map((each) => each.pid);
    expect(processes.length).toBeGreaterThan(2);
    expect(processes).toContain(pid);
    expect((await workspace.holdfast(["stop"])).exitCode).toBe(0);
    expect(survivorsOf(processes)).toEqual([]);
    await expectFree(workspace);
  });

  it("is not doubled: the second start is refused, and the first goes on serving (R3.1)", async () => {
    const workspace = openProject();
    const port = await freePort();
    await startSession(workspace, command(port));
    const url = `http://127.0.0.1:${port}`;
    await until(() => get(url), { what: "vite serves its page" });
    const refused = await workspace.holdfast(["start", "other", "--", ...command(port)]);
    expect(refused.exitCode).toBe(75);
    expect(refused.stderr).toContain("Session already active: demo");
    expect(await get(url)).toContain("<title>held</title>");
  });
});
