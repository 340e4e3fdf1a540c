import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { parseEnvironment } from "../../../src/process/environment.ts";
import { parseAuxiliaryVector } from "../../../src/process/proc-machine.ts";
import { splitDeviceNumber, terminalName } from "../../../src/process/terminal-name.ts";
import { parsePasswd, UserNames } from "../../../src/process/user-names.ts";

describe("parseEnvironment", () => {
  it("reads names and values, of which the first counts", () => {
    const text = "HOLDFAST_SESSION=a b\n=c\0HOLDFAST_EMPTY=\0HOLDFAST_NONE\0=x\0HOLDFAST_SESSION=second\0";
    expect([...parseEnvironment(Buffer.from(text))]).toEqual([
      ["HOLDFAST_SESSION", "a b\n=c"],
      ["HOLDFAST_EMPTY", ""],
    ]);
  });

  it("reads only holdfast's own variables", () => {
    const own = [["HOLDFAST_LOCK", "ci"]];
    expect([...parseEnvironment(Buffer.from("PATH=/bin\0HOLDFAST_LOCK=ci\0EMPTY=\0no variable\0"))]).toEqual(own);
    expect([...parseEnvironment(Buffer.from("PATH=/bin\0"))]).toEqual([]);
    expect([...parseEnvironment(Buffer.from("X=HOLDFAST_SESSION=1\0"))]).toEqual([]);
  });

  it("gives back any of them", () => {
    const variables = fc.dictionary(
      fc.stringMatching(/^HOLDFAST_\w*$/),
      fc.string().map((text) => text.replaceAll("\0", "")),
    );
    fc.assert(
      fc.property(variables, (env) => {
        const text = Object.entries(env).map(([key, value]) => `${key}=${value}\0`);
        expect([...parseEnvironment(Buffer.from(text.join("")))]).toEqual(Object.entries(env));
      }),
    );
  });
});

describe("parseAuxiliaryVector", () => {
  it("reads pairs of words up to the first zero key", () => {
    const words = [6n, 65_536n, 17n, 100n, 0n, 0n, 9n, 9n];
    const bytes = Buffer.from(new BigUint64Array(words).buffer);
    expect([...parseAuxiliaryVector(bytes, false)]).toEqual([
      [6, 65_536],
      [17, 100],
    ]);
    const narrow = Buffer.from(new Uint32Array([6, 4096, 0, 0]).buffer);
    expect([...parseAuxiliaryVector(narrow, true)]).toEqual([[6, 4096]]);
  });

  it("reads them with the high byte first, too, as on s390x", () => {
    const wide = Buffer.alloc(32);
    wide.writeBigUInt64BE(6n, 0);
    wide.writeBigUInt64BE(65_536n, 8);
    const narrow = Buffer.alloc(16);
    narrow.writeUInt32BE(17, 0);
    narrow.writeUInt32BE(100, 4);
    expect([...parseAuxiliaryVector(wide, false, false)]).toEqual([[6, 65_536]]);
    expect([...parseAuxiliaryVector(narrow, true, false)]).toEqual([[17, 100]]);
  });

  it("makes do with any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.boolean(), (bytes, is32) => {
        expect(parseAuxiliaryVector(Buffer.from(bytes), is32).size).toBeLessThanOrEqual(bytes.length / 8);
      }),
    );
  });
});

describe("terminalName", () => {
  it("takes a device number apart as the kernel put it together", () => {
    const numbers = fc.tuple(fc.nat(0xfff), fc.nat(0xfffff));
    fc.assert(
      fc.property(numbers, ([major, minor]) => {
        // tty_nr is printed as a signed number.
        const packed = (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12) | 0;
        expect(splitDeviceNumber(packed)).toEqual({ major, minor });
      }),
    );
  });

  it.each([
    [0, null],
    [0x8800, "pts/0"],
    [0x8811, "pts/17"],
    [0x8900, "pts/256"],
    [0x100000 | 0x8801, "pts/257"],
    [0x0401, "tty1"],
    [0x0440, "ttyS0"],
    [0x0501, "console"],
    [0xfff00 | 0x07, "4095:7"],
  ])("%i is %s (R3.5)", (number, expected) => {
    expect(terminalName(number)).toBe(expected);
  });
});

describe("UserNames", () => {
  const text =
    "root:x:0:0:root:/root:/bin/sh\n# comment\ndev:x:1000:1000::/home/dev:\ntoor:x:0:0::/:\n\nbroken:x\n:x:7:7\n+::::::\n";

  it("knows the first name of each uid", () => {
    expect([...parsePasswd(text)]).toEqual([
      [0, "root"],
      [1000, "dev"],
    ]);
  });

  it("knows nobody when there is no file, and reads it once", () => {
    const directory = mkdtempSync(join(tmpdir(), "holdfast-users-"));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const path = join(directory, "passwd");
    const before = new UserNames(path);
    expect(before.nameOf(0)).toBeUndefined();
    writeFileSync(path, text);
    expect(before.nameOf(0)).toBeUndefined();
    expect(new UserNames(path).nameOf(1000)).toBe("dev");
  });
});
