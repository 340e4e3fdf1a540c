import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { fileSystemKindOf } from "../../src/lock/file-system-kind.ts";
import { identify, livenessOf, selfIdentity, signalProcess } from "../../src/process/identity.ts";
import { bootByPs } from "../../src/process/look-by-ps.ts";
import { PsTable } from "../../src/process/ps-table.ts";
import { openProcessTable } from "../../src/process/table.ts";
import { startFixture } from "../support/fixture-processes.ts";
import { hasPs } from "../support/has-ps.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

/*
 * A system without /proc, where `ps` and sysctl(8) tell of processes. On Linux this is its own `ps`, and a sysctl that knows
 * what that of macOS and the BSDs does: it is not one of those systems, but goes the same way.
 */

vi.hoisted(() => {
  if (process.platform === "linux") Object.defineProperty(process, "platform", { value: "darwin" });
});

beforeAll(() => {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-sysctl-"));
  const script = '#!/bin/sh\n[ "$2" = kern.bootsessionuuid ] && echo 5A0E2F4C-boot\n';
  writeFileSync(join(directory, "sysctl"), script, { mode: 0o755 });
  const before = process.env["PATH"];
  process.env["PATH"] = [directory, before].join(delimiter);
  return () => {
    process.env["PATH"] = before;
    rmSync(directory, { recursive: true });
  };
});

describe.runIf(hasPs)("without /proc", () => {
  it("a process is known by what ps says of its start, and signalled only if it is still that one (R0.3)", async () => {
    const { pid, exited } = await startFixture("sleeper.sh");
    const identity = identify(pid);
    if (identity === null) throw new Error("It is there");
    expect(identity).toMatchObject({ pid, boot: "5A0E2F4C-boot", pid_ns: "" });
    expect(new Date(`${identity.started} UTC`).getTime()).toBeLessThanOrEqual(Date.now() + 1_000);
    expect(livenessOf(identity)).toBe("alive");
    const another = { ...identity, started: "Sat Nov 21 10:34:03 2020" };
    expect([livenessOf(another), signalProcess(another, "SIGTERM")]).toEqual(["dead", "not_ours"]);
    expect(signalProcess(identity, "SIGTERM")).toBe("signalled");
    await exited;
    expect([livenessOf(identity), identify(pid)]).toEqual(["dead", null]);
  });

  it("the table is that by ps, its identities are the same, and it tells no sessions", async () => {
    const { pid } = await startFixture("sleeper.sh");
    const table = await openProcessTable();
    expect(table).toBeInstanceOf(PsTable);
    const entries = await table.list();
    expect(entries.find((entry) => entry.pid === pid)).toMatchObject({ identity: identify(pid), sid: 0 });
    expect(entries.find((entry) => entry.pid === process.pid)).toMatchObject({ identity: selfIdentity() });
  });

  it("every file system counts as this machine's own", () => {
    expect(fileSystemKindOf(temporaryDirectory())).toEqual({ shared: false, name: "local" });
  });
});

it("no boot is known where sysctl does not tell, or is not there", () => {
  const before = process.env["PATH"];
  try {
    process.env["PATH"] = temporaryDirectory();
    expect(bootByPs()).toBe("");
  } finally {
    process.env["PATH"] = before;
  }
});
