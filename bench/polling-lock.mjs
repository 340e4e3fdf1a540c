/**
 * `node polling-lock.mjs FILE COMMAND…`: runs a command under a lock of proper-lockfile at its defaults (stale after 10 s,
 * a beat every 5 s). It does not wait by default; here it tries again every second, the first interval of its `retry`.
 */
import { spawn } from "node:child_process";
import lockfile from "proper-lockfile";

const [file, program, ...args] = process.argv.slice(2);
const release = await lock();
const child = spawn(program, args, { stdio: "inherit" });
child.once("exit", async (code) => {
  await release();
  process.exitCode = code ?? 1;
});

async function lock() {
  try {
    return await lockfile.lock(file, { realpath: false });
  } catch (error) {
    if (error.code !== "ELOCKED") throw error;
    console.error("waiting");
    return lockfile.lock(file, { realpath: false, retries: { forever: true, factor: 1, minTimeout: 1000 } });
  }
}
