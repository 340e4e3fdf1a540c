import { rmSync } from "node:fs";
import { join as joinPath } from "node:path";
import { describe, expect, it } from "vitest";
import { isAlive } from "../support/live-processes.ts";
import { hasKernelPulse } from "../support/pulses-here.ts";
import { startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, bin, openWorkspace, type Workspace } from "../support/workspace.ts";

const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** A process that may be registered as a client. */
function bystander(workspace: Workspace): number {
  return workspace.spawn(["sleep", "300"]).pid;
}

async function clientsOf(workspace: Workspace): Promise<readonly { name: string; pid: number }[]> {
  return (await statusOf(workspace)).session.clients;
}

describe("join", () => {
  it("shows the session, counts the client, and is logged (R3.3, R5.2)", async () => {
    const workspace = openWorkspace();
    const session = await startSession(workspace);
    const pid = bystander(workspace);
    const joined = await workspace.holdfast(["join", "demo", "--pid", String(pid), "--as", "ci"]);
    expect(joined).toMatchObject({ exitCode: 0, stderr: "" });
    expect(joined.stdout).toContain(`demo   joined as ci (PID ${pid})`);
    expect(joined.stdout).toContain(`token ${session.token} · 1 client`);
    expect(joined.stdout).toContain(`PID ${session.pid}`);
    expect(workspace.events("joined")).toMatchObject([
      { session: "demo", uid: session.uid, client: { name: "ci", pid } },
    ]);
    expect(await clientsOf(workspace)).toMatchObject([{ name: "ci", pid }]);
  });

  it("needs no id, and disturbs nothing: the lock and the agent stay as they are (R3.3)", async () => {
    const workspace = openWorkspace();
    const session = await startSession(workspace);
    const before = await statusOf(workspace);
    const joined = await workspace.holdfast(["join", "--json", "--pid", String(bystander(workspace))]);
    expect(joined.json()).toMatchObject({ ok: true, token: session.token, orphaned: false, active_clients: 1 });
    const after = await statusOf(workspace);
    for (const field of ["uid", "token", "pid", "phase", "started_at"]) {
      expect(after.session[field]).toEqual(before.session[field]);
    }
  });

  // A session holds the lock for a moment before it has a directory: who joined it then failed with ENOENT.
  it("needs no directory of the session (R5.2)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    rmSync(joinPath(workspace.state, "sessions"), { recursive: true });
    const pid = bystander(workspace);
    expect((await workspace.holdfast(["join", "--json", "--pid", String(pid)])).exitCode).toBe(0);
    expect(await clientsOf(workspace)).toMatchObject([{ pid }]);
  });

  it("tells when the session was made and last active, and how many clients it has (R5.1)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const joined = (await workspace.holdfast(["join", "--json", "--pid", String(bystander(workspace))])).json();
    expect(joined.session.created_at).toMatch(isoTime);
    const { session } = await statusOf(workspace);
    expect(session).toMatchObject({ created_at: joined.session.created_at, active_clients: 1 });
    expect(session.last_activity).toMatch(isoTime);
    // A client that comes is activity.
    expect(session.last_activity >= session.started_at).toBe(true);
    expect(Date.parse(session.last_activity)).toBeGreaterThanOrEqual(Date.parse(joined.client.joined_at) - 50);
  });

  it("registers the process that called it, for as long as that lives (R2.6)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const script = '"$0" "$@" && read -r line';
    const caller = workspace.spawn(["sh", "-c", script, ...holdfast("join", "--json")]);
    await until(() => caller.stdout().endsWith("\n"));
    expect(JSON.parse(caller.stdout()).client).toMatchObject({ pid: caller.pid });
    expect(await clientsOf(workspace)).toMatchObject([{ pid: caller.pid }]);
    caller.closeInput();
    await caller.ended;
    expect(await clientsOf(workspace)).toEqual([]);
    expect(workspace.events("left")).toMatchObject([{ client: { pid: caller.pid }, reason: "gone" }]);
  });

  it("counts each process once, however often it joins (R5.2)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const [one, two] = [bystander(workspace), bystander(workspace)];
    for (const pid of [one, two, one]) await workspace.holdfast(["join", "--pid", String(pid)]);
    expect((await clientsOf(workspace)).map(({ pid }) => pid)).toEqual([one, two]);
    expect(workspace.events("joined")).toHaveLength(2);
  });

  it("loses a client that is killed, and logs that once, whoever notices (R2.6, R5.2)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const [stays, goes] = [bystander(workspace), bystander(workspace)];
    for (const pid of [stays, goes]) await workspace.holdfast(["join", "--pid", String(pid)]);
    process.kill(goes, "SIGKILL");
    await until(() => !isAlive(goes));
    const seen = await Promise.all([clientsOf(workspace), clientsOf(workspace), clientsOf(workspace)]);
    for (const clients of seen) expect(clients.map(({ pid }) => pid)).toEqual([stays]);
    expect(workspace.events("left")).toMatchObject([{ client: { pid: goes }, reason: "gone" }]);
  });

  it("ends with the session for those who are still in it, and not for who died before (R2.6, R5.2)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const [pid, dead] = [bystander(workspace), bystander(workspace)];
    for (const each of [pid, dead]) await workspace.holdfast(["join", "--pid", String(each)]);
    process.kill(dead, "SIGKILL");
    await until(() => !isAlive(dead));
    await workspace.holdfast(["stop"]);
    expect(workspace.events("left")).toMatchObject([
      { client: { pid }, reason: "ended" },
      { client: { pid: dead }, reason: "gone" },
    ]);
    const events = workspace.events().map(({ event }) => event);
    expect(events.slice(-3)).toEqual(["left", "left", "ended"]);
    expect(isAlive(pid)).toBe(true);
  });

  it("takes its name from HOLDFAST_AS, too", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const env = { HOLDFAST_AS: "bot-7" };
    await workspace.holdfast(["join", "--pid", String(bystander(workspace))], { env });
    expect(await clientsOf(workspace)).toMatchObject([{ name: "bot-7" }]);
    expect(workspace.events("joined")).toMatchObject([{ by: { name: "bot-7" } }]);
  });

  // With leases its agent does not hold the lock, so there is nothing to join.
  it.skipIf(!hasKernelPulse)("joins an orphaned session as well, and says that it is one", async () => {
    const workspace = openWorkspace();
    const session = await startSession(workspace);
    process.kill(session.keeperPid, "SIGKILL");
    await until(() => !isAlive(session.keeperPid));
    const joined = await workspace.holdfast(["join", "--json", "--pid", String(bystander(workspace))]);
    expect(joined.json()).toMatchObject({ ok: true, orphaned: true, active_clients: 1 });
  });
});

describe("join -- command", () => {
  it.each([
    ["exit 0", 0],
    ["exit 9", 9],
    ["kill -TERM $$", 143],
  ])("exits as the command does: %s", async (script, exitCode) => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const ran = await workspace.holdfast(["join", "--", "sh", "-c", script]);
    expect(ran).toMatchObject({ exitCode, stdout: "" });
  });

  it("is a client while the command runs, and leaves with it (R3.3, R5.2)", async () => {
    const workspace = openWorkspace();
    const { uid } = await startSession(workspace);
    const script = 'echo "in $HOLDFAST_JOINED"; read -r line; echo "$line"';
    const client = workspace.spawnHoldfast(["join", "demo", "--as", "tester", "--", "sh", "-c", script]);
    await until(() => client.stdout() === `in ${uid}\n`);
    expect(await clientsOf(workspace)).toMatchObject([{ name: "tester", pid: client.pid }]);
    client.write("typed\n");
    expect(await client.ended).toMatchObject({ exitCode: 0, stdout: `in ${uid}\ntyped\n` });
    expect(workspace.events("left")).toMatchObject([{ client: { name: "tester", pid: client.pid }, reason: "left" }]);
  });

  it("is gone as a client when it is killed (R2.6)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const client = workspace.spawnHoldfast(["join", "--", "sh", "-c", "echo here; exec sleep 300"]);
    await until(() => client.stdout() === "here\n");
    client.signal("SIGKILL");
    await until(() => !isAlive(client.pid));
    expect(await clientsOf(workspace)).toEqual([]);
    expect(workspace.events("left")).toMatchObject([{ client: { pid: client.pid }, reason: "gone" }]);
  });

  it("forwards TERM, HUP and INT to the command, each once", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const client = workspace.spawnHoldfast(["join", "--", ...agent("counts-signals.mjs")]);
    const pid = Number(await until(() => /^agent (\d+)\n/.exec(client.stdout())?.[1]));
    for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const) {
      client.signal(signal);
      await until(() => client.stdout().includes(`agent got ${signal.slice(3)} 1\n`));
    }
    expect(client.stdout()).not.toContain(" 2\n");
    process.kill(pid, "SIGKILL");
    expect((await client.ended).exitCode).toBe(137);
    expect(workspace.events("left")).toMatchObject([{ reason: "left" }]);
  });

  it("is not part of the session: a stop leaves the command alone", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const client = workspace.spawnHoldfast(["join", "--", "sh", "-c", "echo here; read -r line; exit 4"]);
    await until(() => client.stdout() === "here\n");
    expect((await workspace.holdfast(["stop"])).exitCode).toBe(0);
    client.closeInput();
    expect((await client.ended).exitCode).toBe(4);
    expect(workspace.events("left")).toMatchObject([{ reason: "ended" }]);
  });

  it.each([
    ["no-such-command", 127, "NOT_FOUND"],
    ["./plain.txt", 126, "NOT_EXECUTABLE"],
  ])("says that %s cannot be run (%i %s), and stays no client", async (command, exitCode, code) => {
    const workspace = openWorkspace();
    workspace.write("plain.txt", "no program\n");
    await startSession(workspace);
    const ran = await workspace.holdfast(["join", "--json", "--", command]);
    expect(ran.exitCode).toBe(exitCode);
    expect(ran.json()).toMatchObject({ ok: false, error: { code } });
    expect(await clientsOf(workspace)).toEqual([]);
  });
});

describe("join is refused", () => {
  it.each([[["join"]], [["join", "demo"]], [["join", "demo", "--", "true"]]])(
    "with NO_SESSION where none is active: %j",
    async (words) => {
      const workspace = openWorkspace();
      const refused = await workspace.holdfast([...words.slice(0, 1), "--json", ...words.slice(1)]);
      expect(refused.exitCode).toBe(66);
      expect(refused.json().error).toMatchObject({ code: "NO_SESSION", retryable: false });
    },
  );

  it("with SESSION_MISMATCH when another session is active (R3.4)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const refused = await workspace.holdfast(["join", "other"]);
    expect(refused).toMatchObject({ exitCode: 66, stdout: "" });
    expect(refused.stderr).toContain("Session does not match: expected other, found demo");
    expect(workspace.events("joined")).toEqual([]);
  });

  it.each([["0"], ["1"], ["x"], ["-5"], ["4194304000"], ["999999999"]])("with USAGE for the PID %s", async (pid) => {
    const workspace = openWorkspace();
    await startSession(workspace);
    const refused = await workspace.holdfast(["join", "--json", `--pid=${pid}`]);
    expect(refused.exitCode).toBe(64);
    expect(refused.json().error.code).toBe("USAGE");
  });
});

/** `holdfast` with these words, for a shell script that calls it as `"$0" "$@"`. */
function holdfast(...words: string[]): readonly string[] {
  return [process.execPath, joinPath(import.meta.dirname, "../../bin/holdfast.js"), ...words];
}

it.skipIf(process.platform !== "linux")(
  "join lets an agent colour what it writes on a terminal, and tell it nothing else (R3.3)",
  async () => {
    const workspace = openWorkspace();
    // Colour, clipboard, a question that the terminal would answer, and a title.
    const says = String.raw`\033[31mred\033[0m \033]52;c;eA==\007\033[6n\033]0;title\007end\n`;
    const { uid } = await startSession(workspace, ["sh", "-c", `printf '${says}'; exec sleep 300`]);
    await until(() => workspace.agentOutput(uid).includes("end"));
    // script(1) gives what it runs a terminal of its own.
    const joined = workspace.spawn(["script", "-qfec", `node ${bin} join demo`, "/dev/null"]);
    await until(() => joined.stdout().includes("\u001B[31mred\u001B[0m end\r\n"), { withinMs: 10_000 });
    for (const told of ["\u001B]", "\u001B[6n"]) expect(joined.stdout()).not.toContain(told);
    await workspace.holdfast(["stop"]);
    await joined.ended;
  },
);
