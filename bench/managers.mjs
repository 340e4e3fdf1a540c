/** Who is compared where something is started in the background and watched: each with its daemon up. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fromDebian, fromNpm } from "./programs.mjs";
import { atEnd, callNow, cleanEnv, track, until } from "./project.mjs";

/**
 * @typedef {object} Manager
 * @property {string} name
 * @property {string} version
 * @property {number} pid its daemon's
 * @property {NodeJS.ProcessEnv} env
 * @property {readonly [string, ...string[]]} status says what runs
 * @property {(id: string) => readonly [string, ...string[]]} start starts `sleep 1000` under one of `ids`
 * @property {(id: string) => readonly [string, ...string[]]} stop
 */

/** Of pm2 and supervisord those that are here, with their daemons. @param {readonly string[]} ids */
export async function openManagers(project, ids) {
  const managers = [];
  const skipped = [];
  for (const [name, open] of Object.entries({ pm2, supervisord })) {
    try {
      managers.push(await open(project, ids));
    } catch (error) {
      skipped.push({ name, skipped: "SKIPPED" });
      console.error(`${name} is not here and was SKIPPED: ${error.message}`);
    }
  }
  return { managers, skipped };
}

/** @returns {Promise<Manager>} */
async function pm2(project) {
  const program = fromNpm("pm2", "pm2");
  const home = path.join(project, "pm2");
  const env = { ...cleanEnv, ...program.env, PM2_HOME: home, PM2_DISABLE_VERSION_CHECK: "1" };
  const call = (...args) => [...program.command, ...args];
  atEnd(project, () => callNow(call("kill"), { env }));
  callNow(call("ping"), { env });
  const pid = Number(readFileSync(path.join(home, "pm2.pid"), "utf8"));
  return {
    name: "pm2",
    version: program.version,
    pid,
    env,
    status: call("ls"),
    start: (id) => call("start", "sleep", "--interpreter", "none", "--no-autorestart", "--name", id, "--", "1000"),
    stop: (id) => call("delete", id),
  };
}

/** @returns {Promise<Manager>} */
async function supervisord(project, ids) {
  const daemon = fromDebian("supervisord", "supervisor");
  const control = fromDebian("supervisorctl", "supervisor");
  const directory = path.join(project, "supervisord");
  const config = path.join(directory, "supervisord.conf");
  const socket = path.join(directory, "socket");
  mkdirSync(directory);
  writeFileSync(config, supervisorConfig(directory, socket, ids));
  const env = { ...cleanEnv, ...daemon.env };
  const call = (...args) => [...control.command, "-c", config, ...args];
  const [python, ...args] = [...daemon.command, "-n", "-c", config];
  const { pid } = track(spawn(python, args, { env, stdio: "ignore" }));
  // It answers when all have ended, and is killed then.
  atEnd(project, () => callNow(call("stop", "all"), { env }));
  await until(() => existsSync(socket), "supervisord listens");
  return {
    name: "supervisord",
    version: daemon.version,
    pid,
    env,
    status: call("status"),
    start: (id) => call("start", id),
    stop: (id) => call("stop", id),
  };
}

/** By its default `start` waits a second for each program; 0 is the fastest it can be. */
function supervisorConfig(directory, socket, ids) {
  const programs = ids.map(
    (id) => `[program:${id}]\ncommand=sleep 1000\nautostart=false\nautorestart=false\nstartsecs=0\n`,
  );
  return `[supervisord]
directory=${directory}
logfile=${directory}/log
pidfile=${directory}/pid
childlogdir=${directory}
[unix_http_server]
file=${socket}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://${socket}
${programs.join("")}`;
}
