import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Failure } from "../../../src/failure.ts";
import { defaultConfig, loadConfig } from "../../../src/home/config.ts";
import { homeAt, type Home } from "../../../src/home/locate.ts";
import type { JudgedClaim } from "../../../src/lock/claim-directory.ts";
import { currentActor } from "../../../src/session/actor.ts";
import { liveClients } from "../../../src/session/clients.ts";
import { openContext } from "../../../src/session/context.ts";
import { readPidFile } from "../../../src/session/pid-file.ts";
import { sessionFiles } from "../../../src/session/session-files.ts";
import { holdOf, waiterOf } from "../../../src/session/session-info.ts";
import { tryToReadStopRequest } from "../../../src/session/stop-request.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { session } from "../present/samples.ts";

const uid = session.uid;

interface Place {
  readonly root: string;
  readonly home: Home;
}

function newPlace(): Place {
  const root = temporaryDirectory();
  return { root, home: homeAt(root, join(root, ".holdfast")) };
}

/** Texts of all kinds: any bytes as text, any JSON, numbers, paths, escapes, emoji. */
const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.json(),
  fc.stringMatching(/^[ \t]*-?[0-9]{0,25}[a-z\n. ]{0,3}$/),
  fc.constantFrom("../../../etc/passwd", "\u001B[2J\u001B]0;owned\u0007", "🔒", "\u202E", "__proto__", "%n"),
);
const anyValue = fc.oneof(fc.jsonValue(), anyText, fc.constantFrom(-1, 0, 1e308, 2 ** 53, 0.5));

/** A value as JSON, in which everything of this name, at any depth, is another. */
function withPart(value: unknown, part: string, other: unknown): string {
  const changed = (inner: unknown): unknown => {
    if (Array.isArray(inner)) return inner.map(changed);
    if (typeof inner !== "object" || inner === null) return inner;
    return Object.fromEntries(Object.entries(inner).map(([name, was]) => [name, name === part ? other : changed(was)]));
  };
  return JSON.stringify(changed(value));
}

/** Every name in a value, at any depth. */
function namesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(namesIn);
  if (typeof value !== "object" || value === null) return [];
  return [...Object.keys(value), ...Object.values(value).flatMap(namesIn)];
}

function write(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content, { mode: 0o600 });
}

describe("holdfast.json", () => {
  const good = {
    agent: { command: ["x"], kind: "launcher", match: "x", pid_file: "x.pid", stop_command: ["y"] },
    operations: { test: "x" },
    stop: { signal: "INT", kill_after: "10s" },
    limits: { max_time: "1h", idle: "1h", max_output: "64KiB", reap_orphans: true },
    retention: { listed: "1h", output: "1d", keep: 100 },
    hooks: { ended: "x" },
    pulse: "auto",
  };

  const load = async (home: Home, text: string): Promise<"loaded" | "named"> => {
    write(join(home.root, "holdfast.json"), text);
    try {
      const config = await loadConfig(home, {});
      const { stop, limits, retention } = config;
      const times = [stop.killAfterMs, limits.maxTimeMs, limits.idleMs, retention.listedMs, retention.outputMs];
      for (const time of times) expect(time === null || (time >= 0 && Number.isFinite(time))).toBe(true);
      return "loaded";
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== "CONFIG") throw error;
      expect(error.message).toContain("holdfast.json");
      return "named";
    }
  };

  it("is loaded as it is, or refused by name (CONFIG), whatever text it is", async () => {
    const { home } = newPlace();
    await fc.assert(fc.asyncProperty(anyText, async (text) => void (await load(home, text))));
  });

  it("is loaded, or refused by name, whatever is in place of one of its parts", async () => {
    const { home } = newPlace();
    expect(await load(home, JSON.stringify(good))).toBe("loaded");
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...namesIn(good)), anyValue, async (part, value) => {
        await load(home, withPart(good, part, value));
      }),
      { numRuns: 300 },
    );
  });
});

it("a PID file names a process or says what it is instead, whatever text it is", () => {
  const path = join(newPlace().root, "agent.pid");
  fc.assert(
    fc.property(anyText, (text) => {
      write(path, text);
      const { pid, state } = readPidFile(path);
      expect(state === "unreadable" ? pid === null : Number.isSafeInteger(pid) && (pid ?? 0) > 0).toBe(true);
    }),
  );
});

describe("a request to stop", () => {
  const good = { by: { user: "u", host: "h", pid: 1, tty: null }, reason: null, signal: "SIGTERM", kill_after_ms: 5 };

  it("is none, or one with a signal and a time, whatever is in it", () => {
    const { home } = newPlace();
    const path = sessionFiles(home, uid).stop;
    const read = () => tryToReadStopRequest(home, uid, () => undefined);
    write(path, JSON.stringify(good));
    expect(read()).toEqual(good);
    const text = fc
      .tuple(fc.constantFrom(...namesIn(good)), anyValue)
      .map(([part, value]) => withPart(good, part, value));
    fc.assert(
      fc.property(fc.oneof(anyText, text), (content) => {
        write(path, content);
        const request = read();
        if (request === null) return;
        expect(request.signal === null || /^SIG[A-Z0-9]+$/.test(request.signal)).toBe(true);
        expect(request.kill_after_ms === null || request.kill_after_ms >= 0).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

it("a client is told of, or its file is, whatever is in it; and no other file is removed", async () => {
  const { root, home } = newPlace();
  const by = currentActor();
  const context = await openContext({ home, config: defaultConfig, env: {}, lockName: "session", by, create: true });
  const { clients } = sessionFiles(home, uid);
  const path = join(clients, "01client.json");
  const owner = { pid: process.pid, started: "1", boot: "elsewhere", pid_ns: "pid:[1]", host: "elsewhere" };
  const good = { uid: "01client", name: "x", user: "x", joined_at: "2025-06-29T10:34:03Z", process: owner };
  write(join(root, "kept.json"), "{}");
  write(join(clients, "kept.txt"), "{}");
  const text = fc
    .tuple(fc.constantFrom(...namesIn(good)), anyValue)
    .map(([part, value]) => withPart(good, part, value));
  fc.assert(
    fc.property(fc.oneof(anyText, text), (content) => {
      write(path, content);
      const told: string[] = [];
      const found = liveClients(context, session, ({ message }) => told.push(message));
      // One that has died is neither: its file goes.
      expect(found.length + told.length).toBeLessThanOrEqual(1);
      for (const message of told) expect(message).toContain(path);
      for (const client of found) expect(client.uid).toBe("01client");
    }),
    { numRuns: 300 },
  );
  expect([existsSync(join(root, "kept.json")), existsSync(join(clients, "kept.txt"))]).toEqual([true, true]);
});

describe("what a claim or a ticket is for", () => {
  const hold = { session, unsettled: [session] };
  const waiter = { id: "x", uid, by: session.by, command: ["x"], mode: "background", owner: null, note: null };
  const claimOf = (info: unknown): JudgedClaim => {
    const owner = { pid: 1, started: "1", boot: "b", pid_ns: "n", host: "h" };
    return {
      number: 1,
      path: "/claims/session.1",
      heartbeat: "beating",
      owner: "alive",
      free: false,
      record: {
        schema_version: 1,
        lock: "session",
        token: 1,
        state: "held",
        purpose: "session",
        slots: 1,
        pulse: { kind: "kernel" },
        owner,
        since: "2025-06-29T10:34:03Z",
        info,
      },
    };
  };

  it("is a session whose names are safe, or refused by the claim's name (DATA), whatever is in place of a part", () => {
    expect(holdOf(claimOf(hold)).session?.id).toBe(session.id);
    fc.assert(
      fc.property(fc.constantFrom(...namesIn(hold)), anyValue, (part, value) => {
        const info: unknown = JSON.parse(withPart(hold, part, value));
        try {
          const { session: found, unsettled = [] } = holdOf(claimOf(info));
          for (const each of [found, ...unsettled]) {
            if (each === null) continue;
            expect(each.uid).toMatch(/^[0-9a-z]+$/);
            expect(each.id).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
            expect(each.agent === null || each.agent.pid > 1).toBe(true);
            expect(each.stop_signal).toMatch(/^SIG/);
          }
        } catch (error) {
          if (!(error instanceof Failure) || error.code !== "DATA") throw error;
          expect(error.message).toContain("/claims/session.1");
        }
      }),
      { numRuns: 500 },
    );
  });

  it("is a waiter, or somebody's place of whom nothing is known, whatever is in place of a part", () => {
    expect(waiterOf(claimOf(waiter))).toEqual(waiter);
    fc.assert(
      fc.property(fc.constantFrom(...namesIn(waiter)), anyValue, (part, value) => {
        const found = waiterOf(claimOf(JSON.parse(withPart(waiter, part, value))));
        if (found !== null) expect(found.command.every((word) => typeof word === "string")).toBe(true);
      }),
    );
  });
});
