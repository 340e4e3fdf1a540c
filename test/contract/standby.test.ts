import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { spawnAgent, type Agent, type AgentSpec } from "../../src/keeper/agent.ts";
import { passesOn, Standby } from "../../src/keeper/standby.ts";
import { systemClock } from "../../src/process/clock.ts";
import { identify } from "../../src/process/identity.ts";
import { isAlive } from "../support/live-processes.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const path = `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`;

/** The shells of this machine, each as its `/bin/sh`. */
const shells = ["dash", "bash", "busybox"].flatMap((name) => {
  const found = ["/bin", "/usr/bin"].map((directory) => join(directory, name)).find((file) => existsSync(file));
  return found === undefined ? [] : [[name, found] as const];
});

function asShell(program: string): string {
  const file = join(temporaryDirectory(), "sh");
  symlinkSync(program, file);
  return file;
}

/** Writes its environment, as it was given to it, to the file that it is told, and ends. */
function tellsEnvironment(directory: string): { readonly command: readonly string[]; readonly told: () => string[] } {
  const file = join(directory, "environment");
  const script = `require("fs").writeFileSync(${JSON.stringify(file)}, require("fs").readFileSync("/proc/self/environ"))`;
  const told = () => readFileSync(file, "utf8").split("\0").slice(0, -1).toSorted();
  return { command: [process.execPath, "-e", script], told };
}

function specOf(command: readonly string[], more: Partial<AgentSpec> = {}): AgentSpec {
  const cwd = more.cwd ?? temporaryDirectory();
  return { command, cwd, env: { PATH: path, PWD: cwd }, output: "inherit", descriptor: null, ownGroup: false, ...more };
}

function make(spec: AgentSpec, shell?: string): Standby {
  const standby = Standby.make(spec, shell);
  if (standby === null) throw new Error(`No standby for ${spec.command.join(" ")}`);
  onTestFinished(() => standby.end());
  return standby;
}

async function take(spec: AgentSpec, shell?: string): Promise<Agent> {
  const agent = await make(spec, shell).take(7);
  if (agent === null) throw new Error("The standby is of no use");
  return agent;
}

const environments = {
  plain: { A: "1", SHLVL: "3", OLDPWD: "/" },
  "without PWD and SHLVL": { PWD: undefined, A: "1" },
  "with values of all kinds": {
    PWD: undefined,
    SHLVL: "1",
    A: "",
    B: " a\n'b' \"c\" $d `e` \\f\té\u{1f600}=",
    _: "/x",
    C: "=",
  },
  "with names that are none to a shell": { "a.b": "1", "X-Y": "2", "1st": "3", ä: "4" },
  "with a shell's own names": {
    IFS: "x",
    PS1: "$",
    PPID: "1",
    OPTIND: "7",
    LINENO: "9",
    UID: "5",
    RANDOM: "1",
    ENV: "/x",
  },
  "with a PWD that lies": { PWD: "/nowhere" },
};

// Node would hand it on to what has an environment of its own, where it is not counted among what is expected.
beforeEach(() => vi.stubEnv("NODE_V8_COVERAGE", undefined));

describe.each(shells)("a command's process that is made ahead of its turn by %s", (name, program) => {
  it.each(Object.entries(environments))("has the environment it should have, or is not made: %s", async (_, more) => {
    const { command, told } = tellsEnvironment(temporaryDirectory());
    const spec = specOf(command, { env: { ...specOf(command).env, HOLDFAST_TOKEN: "", ...more } });
    const shell = asShell(program);
    const agent = await take(spec, shell);
    void agent.letGo?.();
    expect(await agent.exited).toMatchObject({ code: 0, signal: null });
    const wanted = Object.entries({ ...spec.env, HOLDFAST_TOKEN: "7" }).filter(([, value]) => value !== undefined);
    const isExact =
      told().join("\n") ===
      wanted
        .map((pair) => pair.join("="))
        .toSorted()
        .join("\n");
    expect(await passesOn(spec, shell)).toBe(isExact);
  });

  it("runs no `env` that PATH leads to, only to know what its shell hands on", async () => {
    const spec = specOf(["true"]);
    const planted = join(spec.cwd, "env");
    writeFileSync(planted, "#!/bin/sh\necho > ran\n", { mode: 0o700 });
    await passesOn({ ...spec, env: { ...spec.env, PATH: `${spec.cwd}:${path}` } }, asShell(program));
    expect(existsSync(join(spec.cwd, "ran"))).toBe(false);
  });

  it("is made where nothing is odd", async () => {
    const spec = specOf(["true"]);
    const shell = asShell(program);
    expect(await passesOn({ ...spec, env: { ...spec.env, SHLVL: "1", LANG: "C" } }, shell)).toBe(name !== "busybox");
    const elsewhere = { ...spec.env, PWD: "/nowhere", OLDPWD: "/it's gone", SHLVL: "1" };
    expect(await passesOn({ ...spec, env: elsewhere }, shell)).toBe(name !== "busybox");
    if (name === "dash") expect(await passesOn({ ...spec, env: { PATH: path } }, shell)).toBe(true);
  });
});

describe("a command's process that is made ahead of its turn", () => {
  it("has its moment to begin, which its own end ends: nobody who is behind in line waits for a clock", async () => {
    vi.spyOn(systemClock, "sleep").mockReturnValue(new Promise<never>(() => undefined));
    onTestFinished(() => void vi.restoreAllMocks());
    const agent = await take(specOf(["true"]));
    await agent.letGo?.();
    expect(await agent.exited).toMatchObject({ code: 0 });
  });

  it("becomes the command, with its arguments as they are, when it is let go and not before", async () => {
    const directory = temporaryDirectory();
    const script = join(directory, "says.sh");
    writeFileSync(
      script,
      '#!/bin/sh\nfor each in "$@"; do printf "<%s>" "$each"; done > said\necho "$$" > pid\nexit 3\n',
    );
    chmodSync(script, 0o700);
    const agent = await take(specOf([script, "", "a b", "$x", "-n", "é\n"], { cwd: directory }));
    expect(agent.identity).toEqual(identify(agent.pid));
    expect(existsSync(join(directory, "pid"))).toBe(false);
    void agent.letGo?.();
    expect(await agent.exited).toMatchObject({ code: 3, signal: null });
    expect(readFileSync(join(directory, "said"), "utf8")).toBe("<><a b><$x><-n><é\n>");
    expect(readFileSync(join(directory, "pid"), "utf8")).toBe(`${agent.pid}\n`);
  });

  it("has the same files open as one that is started in its turn", async () => {
    const directory = temporaryDirectory();
    const descriptor = openSync(join(directory, "claim"), "w");
    const spec = specOf(["sh", "-c", "exec ls -l /proc/self/fd > open"], { cwd: directory, descriptor });
    const open: string[][] = [];
    for (const start of [take, spawnAgent]) {
      const agent = await start(spec);
      void agent.letGo?.();
      await agent.exited;
      // That of the listing itself has the PID in its path.
      const lines = readFileSync(join(directory, "open"), "utf8").split("\n");
      open.push(lines.flatMap((line) => /\d+ -> .*$/.exec(line)?.[0].replace(String(agent.pid), "PID") ?? []));
    }
    closeSync(descriptor);
    expect(open[0]).toContain(`10 -> ${join(directory, "claim")}`);
    expect(open[0]).toEqual(open[1]);
  });

  it("is gone when it is not wanted, without having run", async () => {
    const directory = temporaryDirectory();
    const standby = make(specOf(["touch", "ran"], { cwd: directory }));
    const agent = await standby.take(1);
    await standby.end();
    expect(isAlive(agent?.pid ?? process.pid)).toBe(false);
    expect(existsSync(join(directory, "ran"))).toBe(false);
  });

  it.each([
    ["a command that is not there", ["no-such-command"], {}],
    ["a command that is no program", ["./plain"], {}],
    ["a script without what it is for", ["./script"], {}],
    ["a command that looks like an option", ["-x"], {}],
    ["no PATH", ["true"], { env: {} }],
    [
      "a function of bash, which may be `read`",
      ["true"],
      { env: { PATH: path, "BASH_FUNC_read%%": "() {  TOKEN=1\n}" } },
    ],
    ["options of bash", ["true"], { env: { PATH: path, SHELLOPTS: "xtrace" } }],
    ["a PATH that means something to a shell", ["true"], { env: { PATH: `%func:${path}` } }],
  ])("is not made for %s: it is started in its turn, or fails then", async (_, command, more) => {
    const spec = specOf(command, more);
    writeFileSync(join(spec.cwd, "plain"), "");
    writeFileSync(join(spec.cwd, "script"), "#! /no/such/interpreter -x\n", { mode: 0o700 });
    expect(Standby.make(spec)).toBeNull();
  });

  it("is not made where there is no shell", () => {
    expect(Standby.make(specOf(["true"]), "/no/such/shell")).toBeNull();
  });

  it("is not used when its working directory is gone", async () => {
    const cwd = join(temporaryDirectory(), "work");
    mkdirSync(cwd);
    const standby = make(specOf(["true"], { cwd }));
    renameSync(cwd, `${cwd}.old`);
    expect(await standby.take(1)).toBeNull();
  });

  it("is not used when its program has been removed meanwhile", async () => {
    const directory = temporaryDirectory();
    symlinkSync(process.execPath, join(directory, "program"));
    const standby = make(specOf(["./program"], { cwd: directory }));
    unlinkSync(join(directory, "program"));
    expect(await standby.take(1)).toBeNull();
  });

  it("is not used when its working directory is another one meanwhile", async () => {
    const cwd = join(temporaryDirectory(), "work");
    mkdirSync(cwd);
    const standby = make(specOf(["true"], { cwd }));
    renameSync(cwd, `${cwd}.old`);
    mkdirSync(cwd);
    expect(await standby.take(1)).toBeNull();
  });

  it("is not used when somebody has killed it", async () => {
    const standby = make(specOf(["true"]));
    const agent = await standby.take(1);
    process.kill(agent?.pid ?? 0, "SIGKILL");
    await agent?.exited;
    expect(await standby.take(1)).toBeNull();
  });
});
