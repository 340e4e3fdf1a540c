/**
 * A small background agent, as one finds many: an HTTP server that runs backtests in processes of its own.
 *
 *   GET  /health       {"ok": true, "pid": …, "uptime_seconds": …}
 *   GET  /backtests    the backtests that are running now
 *   POST /backtests    starts one; the body may be {"fast": 10, "slow": 30, "seconds": 4}, or empty
 *
 * It listens on 127.0.0.1, on $PORT (8123 by default, 0 for any free port), and logs to stdout. On SIGTERM or SIGINT it
 * takes no more requests, ends its backtests and exits with 0. It knows nothing of holdfast.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("backtest.mjs", import.meta.url));
const limits = { fast: [1, 100], slow: [2, 250], seconds: [0, 3600] };

/** The running backtests: number → { child, started_at, settings }. */
const running = new Map();
let lastId = 0;
let stopping = false;

const server = createServer(async (request, response) => {
  const [status, body] = await answer(request).catch((error) => [500, { error: error.message }]);
  response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
  console.log(`${new Date().toISOString()} ${request.method} ${request.url} ${status}`);
});

server.listen(Number(process.env.PORT ?? 8123), "127.0.0.1");
server.on("listening", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
server.on("error", (error) => {
  console.error(`cannot listen: ${error.message}`);
  process.exitCode = 1;
});
process.on("SIGTERM", stop);
process.on("SIGINT", stop);

async function answer(request) {
  switch (`${request.method} ${request.url}`) {
    case "GET /health":
      return [200, { ok: true, pid: process.pid, uptime_seconds: Math.round(process.uptime()) }];
    case "GET /backtests":
      return [200, { backtests: [...running].map(([id, backtest]) => describe(id, backtest)) }];
    case "POST /backtests":
      return startBacktest(await text(request));
    default:
      return [404, { error: "there are GET /health, GET /backtests and POST /backtests" }];
  }
}

function startBacktest(body) {
  if (stopping) return [503, { error: "stopping" }];
  const settings = readSettings(body);
  if (typeof settings === "string") return [400, { error: settings }];

  const options = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(process.execPath, [script, ...options], { stdio: ["ignore", "inherit", "inherit"] });
  lastId += 1;
  const id = lastId;
  running.set(id, { child, started_at: new Date().toISOString(), settings });
  child.on("error", (error) => console.error(`backtest ${id}: ${error.message}`));
  child.on("close", (code, signal) => {
    running.delete(id);
    console.log(`backtest ${id} ended (${signal ?? `exit ${code}`})`);
  });
  return [202, describe(id, running.get(id))];
}

/** The settings in the body of a request, or what is wrong with them. */
function readSettings(body) {
  let asked = {};
  try {
    if (body.trim() !== "") asked = JSON.parse(body);
  } catch {
    return "the body is not JSON";
  }
  const settings = { fast: 10, slow: 30, seconds: 4, ...asked };
  for (const [name, value] of Object.entries(settings)) {
    const [least, most] = limits[name] ?? [];
    if (least === undefined) return `unknown setting: ${name}`;
    if (!Number.isInteger(value) || value < least || value > most)
      return `${name} is an integer from ${least} to ${most}`;
  }
  return settings.fast < settings.slow ? settings : "fast must be less than slow";
}

function describe(id, { child, started_at, settings }) {
  return { id, pid: child.pid, started_at, ...settings };
}

async function stop(signal) {
  if (stopping) return;
  stopping = true;
  console.log(`${signal}: stopping, ${running.size} backtests to end`);
  server.close();
  server.closeAllConnections();
  await Promise.all(
    [...running.values()].map(({ child }) => {
      child.kill("SIGTERM");
      return once(child, "close");
    }),
  );
  console.log("stopped");
}
