/**
 * The programs of peers, found on this machine or fetched by name with its own package managers into a temporary
 * directory, which is kept for the next run. Nothing is installed into the system, and nothing into the repository.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import path from "node:path";
import { callNow } from "./project.mjs";

/** Private, because programs are run from it. */
const cache = path.join(tmpdir(), `holdfast-bench-peers-${userInfo().uid}`);

/**
 * @typedef {object} Program
 * @property {readonly [string, ...string[]]} command how to call it
 * @property {NodeJS.ProcessEnv} env what it needs beside the environment
 * @property {string} version
 */

/**
 * A package of npm.
 * @param {string} bin its program
 * @returns {Program}
 * @throws when it is not to be had
 */
export function fromNpm(name, bin) {
  const directory = path.join(openCache(), `npm-${name}`);
  const root = path.join(directory, "node_modules", name);
  if (!existsSync(path.join(root, "package.json"))) {
    mkdirSync(directory, { recursive: true });
    sayFetching(name);
    callNow(["npm", "install", "--prefix", directory, "--no-audit", "--no-fund", "--loglevel=error", name]);
  }
  const manifest = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  return { command: [process.execPath, path.join(root, manifest.bin[bin])], env: {}, version: manifest.version };
}

/**
 * A program of this machine, or else of a package of Debian, unpacked but not installed.
 * @param {string} name the program
 * @param {string} deb the package it is in
 * @returns {Program}
 * @throws when it is neither here nor to be had
 */
export function fromDebian(name, deb = name) {
  const here = callNow(["sh", "-c", `command -v ${name} || true`]).trim();
  if (here !== "") return { command: [here], env: {}, version: installedVersion(deb) };
  const root = path.join(openCache(), `deb-${deb}`);
  if (!existsSync(root)) unpack(deb, root);
  const program = path.join(root, "usr/bin", name);
  const modules = path.join(root, "usr/lib/python3/dist-packages");
  const version = readFileSync(path.join(root, "version"), "utf8").trim();
  if (!existsSync(modules)) return { command: [program], env: {}, version };
  return { command: ["/usr/bin/python3", program], env: { PYTHONPATH: modules }, version };
}

function unpack(deb, root) {
  sayFetching(deb);
  const fresh = `${root}.new-${process.pid}`;
  try {
    mkdirSync(fresh, { recursive: true });
    callNow(["apt-get", "download", "-qq", deb], { cwd: fresh });
    const [file] = readdirSync(fresh);
    callNow(["dpkg-deb", "-x", file, "."], { cwd: fresh });
    callNow(["sh", "-c", `dpkg-deb -f ${file} Version > version && rm ${file}`], { cwd: fresh });
    renameSync(fresh, root);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function installedVersion(deb) {
  const { stdout } = spawnSync("dpkg-query", ["-W", "-f", "${Version}", deb], { encoding: "utf8" });
  return stdout ? stdout.trim() : "unknown version";
}

function openCache() {
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  return cache;
}

function sayFetching(name) {
  console.error(`fetching ${name} into ${cache}`);
}

/**
 * Takes those of the peers that are here; of the others the run says loudly that they are not.
 * @template Peer
 * @param {Record<string, () => Peer>} openers
 * @returns {{ present: Peer[], skipped: { name: string, skipped: string }[] }}
 */
export function presentOf(openers) {
  const present = [];
  const skipped = [];
  for (const [name, open] of Object.entries(openers)) {
    try {
      present.push(open());
    } catch (error) {
      skipped.push({ name, skipped: "SKIPPED" });
      console.error(`${name} is not here and was SKIPPED: ${error.message}`);
    }
  }
  return { present, skipped };
}
