import { chmodSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fillDisk } from "../support/full-disk.ts";
import { installed, installWithoutNativePart } from "../support/installation.ts";
import { isAlive } from "../support/live-processes.ts";
import { mountedDirectory, whyNotMounted } from "../support/mounted-directory.ts";
import { schemaProblems } from "../support/output-schema.ts";
import { whyNoPidNamespace } from "../support/pid-namespace.ts";
import type { Json, Outcome } from "../support/program.ts";
import { hasKernelPulse } from "../support/pulses-here.ts";
import { startSession, statusOf } from "../support/sessions.ts";
import { asSomebody, openForEverybody, whyNotSomebody } from "../support/somebody.ts";
import { until } from "../support/until.ts";
import { bin, openWorkspace, type CallOptions, type Workspace } from "../support/workspace.ts";

const names = [
  "versions",
  "native part",
  "tmux",
  "configuration",
  "state directory",
  "file system",
  "pulse",
  "lock",
  "processes",
  "hooks",
  "sessions",
];

interface Examined {
  readonly exitCode: number | null;
  readonly document: Json;
  /** What was found, by the names of the checks. */
  readonly checks: Readonly<Record<string, Json>>;
  /** The names of those that have failed, and of those that warn. */
  readonly failed: readonly string[];
  readonly warned: readonly string[];
}

/** Every check must have been made, as the schema has it. */
function readExamined(outcome: Outcome): Examined {
  const document = outcome.json();
  expect({ stderr: outcome.stderr, problems: schemaProblems("doctor", document) }).toEqual({
    stderr: "",
    problems: [],
  });
  const checks: readonly Json[] = document.checks;
  expect(checks.map(({ name }) => name)).toEqual(names);
  const ofState = (state: string) => checks.flatMap((each) => (each.state === state ? [each.name] : []));
  const [failed, warned] = [ofState("failed"), ofState("warning").filter((name) => name !== "native part")];
  return {
    exitCode: outcome.exitCode,
    document,
    checks: Object.fromEntries(checks.map((each) => [each.name, each])),
    failed,
    warned,
  };
}

async function examine(workspace: Workspace, words: readonly string[] = [], call: CallOptions = {}): Promise<Examined> {
  return readExamined(await workspace.holdfast(["doctor", "--json", ...words], call));
}

function everythingIn(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" }).toSorted();
}

describe("doctor", () => {
  it("finds all well, tells what is used here, and makes nothing", async () => {
    const workspace = openWorkspace();
    const { exitCode, checks, failed, warned } = await examine(workspace);
    expect({ exitCode, failed, warned }).toEqual({ exitCode: 0, failed: [], warned: [] });
    const { version } = JSON.parse(readFileSync(join(bin, "../../package.json"), "utf8"));
    expect(checks["versions"].facts).toMatchObject({ holdfast: version, node: process.versions.node });
    expect(checks["pulse"].facts.kind).toBe(hasKernelPulse ? "kernel" : "lease");
    expect(checks["lock"].text).toMatch(/^taken and given back in \d+ ms$/);
    expect(checks["state directory"].facts.exists).toBe(false);
    expect(everythingIn(workspace.root)).toEqual([".git"]);
    const told = await workspace.holdfast(["doctor"]);
    expect(told).toMatchObject({ exitCode: 0, stderr: "" });
    expect(told.stdout).toContain("\n✅  lock             taken and given back in ");
  });

  it("disturbs no session, and leaves the state as it was", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const before = [everythingIn(workspace.state), workspace.events()];
    const { exitCode, checks } = await examine(workspace);
    expect({ exitCode, text: checks["sessions"].text }).toEqual({ exitCode: 0, text: "demo is active" });
    expect([everythingIn(workspace.state), workspace.events()]).toEqual(before);
    expect((await statusOf(workspace)).session.state).toBe("active");
  });

  it("says why there are leases, when they are wanted and when the native part is missing", async () => {
    const workspace = openWorkspace();
    const wanted = await examine(workspace, [], { env: { HOLDFAST_PULSE: "lease" } });
    expect(wanted).toMatchObject({ exitCode: 0, failed: [] });
    expect(wanted.checks["pulse"].text).toBe("lease: the configuration says so");
    const without = [...installed(installWithoutNativePart(workspace)), "doctor", "--json"];
    const missing = readExamined(await workspace.spawn(without, { input: "" }).ended);
    expect(missing).toMatchObject({ exitCode: 0, failed: [], document: { warnings: 1 } });
    expect(missing.checks["native part"].text).toMatch(/^cannot be loaded: /);
    expect(missing.checks["pulse"].text).toBe("lease: the native part cannot be loaded");
    const env = { HOLDFAST_PULSE: "kernel" };
    const impossible = readExamined(await workspace.spawn(without, { input: "", env }).ended);
    expect(impossible).toMatchObject({ exitCode: 69, failed: ["pulse", "lock"] });
  });

  it("names what is wrong with the configuration, and tries all else", async () => {
    const workspace = openWorkspace();
    workspace.write("holdfast.json", '{\n  "stop": { "kill_after": "soon" }\n}\n');
    const { exitCode, failed, warned, checks } = await examine(workspace);
    expect({ exitCode, failed, warned }).toEqual({ exitCode: 78, failed: ["configuration"], warned: [] });
    expect(checks["configuration"]).toMatchObject({
      code: "CONFIG",
      text: expect.stringMatching(/^holdfast\.json:2:27: /),
    });
  });

  it("finds a state directory that others can write to, and tries nothing in it", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["run", "true"]);
    chmodSync(workspace.state, 0o777);
    const { exitCode, failed, warned, checks } = await examine(workspace);
    expect({ exitCode, failed, warned }).toEqual({
      exitCode: 77,
      failed: ["state directory"],
      warned: ["lock", "sessions"],
    });
    expect(checks["state directory"].next).toEqual([`chmod -R go-w ${workspace.state}`]);
  });

  it("finds a state directory that is a link", async () => {
    const workspace = openWorkspace();
    symlinkSync("..", workspace.state);
    expect(await examine(workspace)).toMatchObject({ exitCode: 77, failed: ["state directory"] });
  });

  it.skipIf(asSomebody === null)(`finds a directory in which it may not write${whyNotSomebody}`, async () => {
    const words = [...(asSomebody ?? []), process.execPath, bin, "-C", "/etc", "doctor", "--json"];
    const { exitCode, failed, checks } = readExamined(
      await openWorkspace().spawn(words, { cwd: "/", input: "" }).ended,
    );
    expect({ exitCode, failed }).toEqual({ exitCode: 73, failed: ["state directory"] });
    expect(checks["state directory"]).toMatchObject({ code: "CANNOT_CREATE", next: ["ls -ld /etc"] });
  });

  it("warns of a disk that is nearly full, and fails on one that is", async (test) => {
    const disk = mountedDirectory("tmpfs", "size=512k,mode=0700");
    if (disk === null) return test.skip(whyNotMounted);
    const workspace = openWorkspace();
    expect(await examine(workspace, ["-C", disk])).toMatchObject({ exitCode: 0, failed: [], warned: ["file system"] });
    fillDisk(disk);
    const full = await examine(workspace, ["-C", disk]);
    expect(full).toMatchObject({ exitCode: 73, failed: ["lock"], warned: ["file system"] });
    expect(full.checks["file system"].next).toEqual([`df -h ${disk}`]);
    expect(everythingIn(disk).filter((name) => !name.startsWith("filler-"))).toEqual([]);
  });

  it.skipIf(whyNoPidNamespace !== null || asSomebody?.length === 0 || asSomebody === null)(
    `warns where /proc hides the processes of others${whyNotSomebody}`,
    async () => {
      const workspace = openWorkspace();
      openForEverybody(workspace);
      const inside = ["unshare", "--pid", "--mount-proc", "--fork", "--kill-child", "sh", "-c"];
      const script = 'mount -o remount,hidepid=2 /proc && "$@"; exit $?';
      const words = [...inside, script, "sh", ...(asSomebody ?? []), process.execPath, bin, "doctor", "--json"];
      const { exitCode, warned, checks } = readExamined(await workspace.spawn(words, { input: "" }).ended);
      expect({ exitCode, warned }).toEqual({ exitCode: 0, warned: ["processes"] });
      expect(checks["processes"]).toMatchObject({
        facts: { hides_others: true },
        text: expect.stringContaining("hidepid"),
      });
    },
  );

  it("warns of hooks that nobody has asked for yet", async () => {
    const workspace = openWorkspace();
    workspace.configure({ hooks: { ended: "true", started: "true" } });
    const { exitCode, warned, checks } = await examine(workspace);
    expect({ exitCode, warned }).toEqual({ exitCode: 0, warned: ["hooks"] });
    expect(checks["hooks"].text).toMatch(/^started, ended: /);
    await workspace.holdfast(["run", "true"]);
    expect((await examine(workspace)).warned).toEqual([]);
  });

  it("points at what dead keepers left, and closes and ends nothing", async () => {
    const workspace = openWorkspace();
    const orphan = await startSession(workspace);
    const lost = await startSession(workspace, undefined, { id: "gone", options: ["--lock", "other"] });
    for (const pid of [orphan.keeperPid, lost.keeperPid, lost.pid]) process.kill(pid, "SIGKILL");
    await until(() => ![orphan.keeperPid, lost.keeperPid, lost.pid].some((pid) => isAlive(pid)));
    const before = workspace.events();
    const { exitCode, warned, checks } = await examine(workspace);
    expect({ exitCode, warned }).toEqual({ exitCode: 0, warned: ["sessions"] });
    expect(checks["sessions"].text).toBe(
      "gone lost its keeper and has no end on record, demo lost its keeper and has 1 process",
    );
    expect(checks["sessions"].next).toEqual(["holdfast list", "holdfast cleanup --orphans"]);
    const other = (await examine(workspace, ["--lock", "other"])).checks["sessions"];
    expect(other.text).toBe("gone lost its keeper and has no end on record");
    expect(other.next).toEqual(["holdfast --lock other list", "holdfast --lock other cleanup --orphans"]);
    expect([workspace.events(), isAlive(orphan.pid)]).toEqual([before, true]);
    await workspace.holdfast(["cleanup"]);
    expect((await examine(workspace)).warned).toEqual([]);
  });

  it("finds a claim that cannot be read, and how to repair it", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["run", "true"]);
    const [claim = ""] = readdirSync(join(workspace.state, "claims"));
    writeFileSync(join(workspace.state, "claims", claim), "no claim\n");
    const { exitCode, failed, checks } = await examine(workspace);
    expect({ exitCode, failed }).toEqual({ exitCode: 65, failed: ["sessions"] });
    expect(checks["sessions"].next).toContain("holdfast cleanup --damaged");
  });

  it("finds everything that is wrong at once", async () => {
    const workspace = openWorkspace();
    workspace.write("holdfast.json", "{");
    writeFileSync(workspace.state, "no directory\n");
    const env = { PATH: "" };
    const { exitCode, failed, checks } = await examine(workspace, [], { env });
    expect({ exitCode, failed }).toEqual({ exitCode: 78, failed: ["configuration", "state directory"] });
    expect(checks["tmux"].facts.version).toBe(null);
    const told = await workspace.holdfast(["doctor"], { env: { LANG: "C" } });
    expect(told).toMatchObject({ exitCode: 78, stderr: "" });
    expect(told.stdout).toContain("\nx  configuration    holdfast.json:1:");
    expect(told.stdout).toMatch(/\n2 failed, \d warnings\n$/);
  });
});
