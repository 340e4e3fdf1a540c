import { statfsSync } from "node:fs";

/**
 * `f_type` magic numbers (statfs(2), linux/magic.h) of file systems that several kernels can have mounted at once.
 * A kernel lock proves nothing across kernels, so these get a lease.
 */
const sharedTypes: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB2"],
  [0x01021997, "9p"],
  [0x65735546, "FUSE or virtiofs"],
  [0x5346414f, "AFS"],
  [0x00c36400, "Ceph"],
  [0x01161970, "GFS2"],
  [0x7461636f, "OCFS2"],
  [0x0bd00bd0, "Lustre"],
  [0x786f4256, "vboxsf"],
]);

export interface FileSystemKind {
  readonly shared: boolean;
  /** For people: "NFS", or "local". */
  readonly name: string;
}

/** Whether other machines may have this directory mounted too. Unknown types count as local, as most are. */
export function fileSystemKindOf(directory: string): FileSystemKind {
  if (process.platform !== "linux") return { shared: false, name: "local" };
  const type = statfsSync(directory).type >>> 0;
  const name = sharedTypes.get(type);
  return name === undefined ? { shared: false, name: "local" } : { shared: true, name };
}
