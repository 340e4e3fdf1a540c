import { describe, expect, it, vi } from "vitest";
import { fileSystemKindOf } from "../../../src/lock/file-system-kind.ts";
import { choosePulse, openPulses } from "../../../src/lock/pulses.ts";
import { failureOf } from "../../support/failure-of.ts";
import { hasKernelPulse } from "../../support/pulses-here.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const statfsSync = vi.hoisted(() => vi.fn<(path: string) => { type: number }>());
vi.mock("node:fs", async (original) => ({ ...(await original<typeof import("node:fs")>()), statfsSync }));

const local = { shared: false, name: "local" };
const nfs = { shared: true, name: "NFS" };
const notLoaded = new Error("no such file: fs-native-extensions.node");

describe("the pulse that new claims get", () => {
  it.each([
    { fileSystem: local, nativeError: null, kind: "kernel" },
    { fileSystem: nfs, nativeError: null, kind: "lease" },
    { fileSystem: local, nativeError: notLoaded, kind: "lease" },
    { fileSystem: nfs, nativeError: notLoaded, kind: "lease" },
  ])("is a $kind on $fileSystem.name when nothing is wanted (native part: $nativeError)", (row) => {
    const { kind, why } = choosePulse("auto", row.fileSystem, row.nativeError);
    expect(kind).toBe(row.kind);
    expect(why).not.toBe("");
  });

  it.each([local, nfs])("is a lease on $name when one is wanted, with or without the native part", (fileSystem) => {
    for (const nativeError of [null, notLoaded])
      expect(choosePulse("lease", fileSystem, nativeError).kind).toBe("lease");
  });

  it.each([local, nfs])("is a kernel lock on $name when one is wanted and can be had", (fileSystem) => {
    expect(choosePulse("kernel", fileSystem, null).kind).toBe("kernel");
    const failure = failureOf(() => choosePulse("kernel", fileSystem, notLoaded));
    expect(failure).toMatchObject({ code: "UNAVAILABLE", cause: notLoaded });
    expect(failure.message).toContain(notLoaded.message);
    expect(failure.next).not.toEqual([]);
  });

  // Without the native part, as in the row `lease` of the matrix, it is always a lease.
  it.skipIf(!hasKernelPulse)("is chosen by the file system of the state directory", () => {
    const directory = temporaryDirectory();
    statfsSync.mockReturnValue({ type: 0x6969 });
    expect(openPulses(directory, "auto")).toMatchObject({
      choice: { kind: "lease", fileSystem: nfs },
      forNew: { kind: "lease" },
    });
    statfsSync.mockReturnValue({ type: 0xef53 });
    expect(openPulses(directory, "auto")).toMatchObject({
      choice: { kind: "kernel", fileSystem: local },
      forNew: { kind: "kernel" },
    });
    expect(statfsSync).toHaveBeenCalledWith(directory);
  });
});

// The numbers are those of statfs(2) and of the kernel's include/uapi/linux/magic.h.
describe.runIf(process.platform === "linux")("the kind of a file system (Linux: by its magic number)", () => {
  it.each([
    ["NFS", 0x6969],
    ["SMB", 0x517b],
    ["CIFS", 0xff534d42],
    ["SMB2", 0xfe534d42],
    ["9p", 0x01021997],
    ["FUSE or virtiofs", 0x65735546],
    ["AFS", 0x5346414f],
    ["Ceph", 0x00c36400],
    ["GFS2", 0x01161970],
    ["OCFS2", 0x7461636f],
    ["Lustre", 0x0bd00bd0],
    ["vboxsf", 0x786f4256],
  ])("is shared for %s, also where the number is read as a negative one", (name, type) => {
    for (const read of [type, type | 0]) {
      statfsSync.mockReturnValue({ type: read });
      expect(fileSystemKindOf("/")).toEqual({ shared: true, name });
    }
  });

  it.each([
    ["ext4", 0xef53],
    ["xfs", 0x58465342],
    ["btrfs", 0x9123683e],
    ["tmpfs", 0x01021994],
    ["overlayfs", 0x794c7630],
    ["zfs", 0x2fc12fc1],
    ["one that nobody knows", 0x12345678],
  ])("is local for %s", (_, type) => {
    statfsSync.mockReturnValue({ type });
    expect(fileSystemKindOf("/")).toEqual(local);
  });
});
