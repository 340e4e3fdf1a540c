import { Failure } from "../../../src/failure.ts";
import type { Check } from "../../../src/session/doctor-check.ts";

/** Something of each state. */
export const checks: readonly Check[] = [
  {
    name: "versions",
    state: "ok",
    text: "holdfast 1.0.0, Node 20.20.2, Linux 6.1.0 x86_64",
    facts: { holdfast: "1.0.0", node: "20.20.2", kernel: "Linux 6.1.0", architecture: "x86_64" },
    failure: null,
  },
  {
    name: "configuration",
    state: "failed",
    text: "holdfast.json:3:5: agnet: unknown key\u001B[2J\nholdfast.json:9:1: puls: unknown key",
    failure: new Failure("CONFIG", "holdfast.json:3:5: agnet: unknown key"),
  },
  {
    name: "file system",
    state: "warning",
    text: "local, 93 MB free: nearly full",
    facts: { shared: false, free_bytes: 93_000_000 },
    warning: [{ does: "see what is full", command: "df -h /srv/project" }],
    failure: null,
  },
  {
    name: "lock",
    state: "failed",
    text: "Cannot make a directory to try a lock in: permission denied (EACCES)\n/srv/project/.holdfast/doctor-",
    failure: new Failure("CANNOT_CREATE", "Cannot make a directory to try a lock in: permission denied (EACCES)", {
      facts: { path: "/srv/project/.holdfast/doctor-", errno: "EACCES" },
    }),
  },
];
