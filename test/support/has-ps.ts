import { spawnSync } from "node:child_process";

/** False in slim containers, as in the row `container` of `npm run test:matrix`. On Linux nothing but its tests needs it. */
export const hasPs = spawnSync("ps", ["-p", String(process.pid)]).error === undefined;
