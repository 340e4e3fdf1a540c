import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readPidFile } from "../../../src/session/pid-file.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

it.each([
  [`${process.pid}`, process.pid, "alive"],
  [`${process.pid}\n`, process.pid, "alive"],
  [` ${process.pid} \n`, process.pid, "alive"],
  // As PostgreSQL's postmaster.pid: only the first line is the PID.
  [`${process.pid}\n/srv/data\n1700000000\n`, process.pid, "alive"],
  [`${process.pid}\r\n`, process.pid, "alive"],
  ["4194305\n", 4_194_305, "stale"],
  ["", null, "unreadable"],
  ["\n12\n", null, "unreadable"],
  ["0\n", null, "unreadable"],
  ["-1\n", null, "unreadable"],
  ["+12\n", null, "unreadable"],
  ["12.5\n", null, "unreadable"],
  ["12 34\n", null, "unreadable"],
  ["0x10\n", null, "unreadable"],
  ["99999999999\n", null, "unreadable"],
  ["pid 12\n", null, "unreadable"],
  [`${process.pid}\n${"x".repeat(5000)}`, null, "unreadable"],
])("reads %j as PID %j, %s (R3.8)", (content, pid, state) => {
  const path = join(temporaryDirectory(), "agent.pid");
  writeFileSync(path, content);
  expect(readPidFile(path)).toEqual({ path, pid, state });
});

it("names a file that is not there, a directory, and a link that leads nowhere", () => {
  const directory = temporaryDirectory();
  const link = join(directory, "link");
  symlinkSync(join(directory, "none"), link);
  expect(readPidFile(join(directory, "none")).state).toBe("missing");
  expect(readPidFile(join(directory, "none/below")).state).toBe("missing");
  expect(readPidFile(link).state).toBe("missing");
  expect(readPidFile(directory)).toMatchObject({ pid: null, state: "unreadable" });
});
