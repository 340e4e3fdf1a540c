import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { environmentOptions, parsePidLines, parsePsEnvironment } from "../../../src/process/ps-environment.ts";
import { parseCpuTime, parsePsRows } from "../../../src/process/ps-rows.ts";

describe("environmentOptions", () => {
  it.each([
    ["linux", "axeww"],
    ["darwin", "-A -E -ww"],
    ["freebsd", "-A -e -ww"],
  ] as const)("are those that the manual of %s's ps has", (platform, options) => {
    expect(environmentOptions(platform).join(" ")).toBe(options);
  });
});

describe("parsePsRows", () => {
  it("reads what procps prints", () => {
    const output = `
    1     1     1 ?        Ss     8412 00:00:01 Sat Nov  1 09:36:09 2025 root
29625 29620 29000 pts/0    Tl+   29112 1-02:03:04 Sat Nov 21 10:34:03 2026 dev
`;
    expect(parsePsRows(output)).toMatchObject([
      { pid: 1, pgid: 1, tty: null, state: "sleeping", residentBytes: 8412 * 1024, cpuSeconds: 1, user: "root" },
      {
        pid: 29_625,
        pgid: 29_620,
        tty: "pts/0",
        state: "stopped",
        cpuSeconds: 93_784,
        started: "Sat Nov 21 10:34:03 2026",
        startedAt: new Date("2026-11-21T10:34:03Z"),
        user: "dev",
      },
    ]);
  });

  it("reads what macOS prints", () => {
    const output = "  501   501      0 ttys003  S+    2048   0:00.05 Sat Nov 21 10:34:03 2026     DOM\\first last  \n";
    expect(parsePsRows(output)).toMatchObject([
      { pid: 501, tty: "ttys003", cpuSeconds: 0.05, user: "DOM\\first last" },
    ]);
    expect(parsePsRows("7 7 0 ?? Z 0 0:00.00 Sat Nov 21 10:34:03 2026 dev")).toMatchObject([
      { tty: null, state: "zombie" },
    ]);
  });

  it("makes nothing of anything else", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parsePsRows(text)).toEqual([]);
      }),
    );
  });
});

describe("parseCpuTime", () => {
  it.each([
    ["00:00:00", 0],
    ["00:01:02", 62],
    ["2-03:04:05", 183_845],
    ["61:01.50", 3661.5],
    ["0:00.05", 0.05],
  ])("%s is %d seconds", (text, seconds) => {
    expect(parseCpuTime(text)).toBe(seconds);
  });
});

describe("parsePidLines", () => {
  it("keeps everything behind the PID", () => {
    expect([...parsePidLines("    7 node  a.js \n12345 \n 9\nnothing\n")]).toEqual([
      [7, "node  a.js "],
      [12_345, ""],
      [9, ""],
    ]);
  });
});

describe("parsePsEnvironment", () => {
  const command = "sh -c HOLDFAST_SESSION=inside run";

  it("takes variables from the environment, never from the command (R0.3)", () => {
    const text = `${command} PATH=/bin HOLDFAST_SESSION=outside X=1`;
    expect(parsePsEnvironment(command, text)?.get("HOLDFAST_SESSION")).toBe("outside");
    expect(parsePsEnvironment(command, `${command} PATH=/bin`)?.size).toBe(0);
  });

  it("leaves out what is there twice with different values (R0.3)", () => {
    const text = `${command} LAST=echo HOLDFAST_SESSION=other HOLDFAST_SESSION=mine HOLDFAST_CLOSE=1`;
    expect([...(parsePsEnvironment(command, text) ?? [])]).toEqual([["HOLDFAST_CLOSE", "1"]]);
  });

  it("keeps to holdfast's own variables", () => {
    const text = `${command} A_HOLDFAST_X=1 HOLDFAST_LOCK=session HOLDFAST_SESSION=mine`;
    expect([...(parsePsEnvironment(command, text) ?? [])]).toEqual([
      ["HOLDFAST_LOCK", "session"],
      ["HOLDFAST_SESSION", "mine"],
    ]);
  });

  it("says that it does not know when there is no environment, or another command", () => {
    expect(parsePsEnvironment(command, command)).toBeNull();
    expect(parsePsEnvironment(command, "node other.js HOLDFAST_SESSION=mine")).toBeNull();
  });
});
