/**
 * `npm run torture -- --minutes N --seed S`: the long form of what `npm test` does for a minute. What is shown by it is in
 * docs/proof.md.
 */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { parseArgs } from "node:util";

const usage = `npm run torture -- [--minutes N] [--seed S] [--pulse kernel|lease]   so many minutes with each pulse; 10
npm run torture -- --scale                                            very many at once, in full size
npm run torture -- --model                                            every interleaving of more contenders`;

const root = path.join(import.meta.dirname, "../..");

function parse() {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: "string", default: "10" },
        seed: { type: "string" },
        pulse: { type: "string" },
        scale: { type: "boolean", default: false },
        model: { type: "boolean", default: false },
      },
    });
    const isNumber = (text) => text === undefined || /^\d+(\.\d+)?$/.test(text);
    const isRight = isNumber(values.minutes) && isNumber(values.seed);
    return isRight && ["kernel", "lease", undefined].includes(values.pulse) ? values : undefined;
  } catch {
    return undefined;
  }
}

function vitest(words, env) {
  const { status } = spawnSync("npx", ["vitest", "run", ...words], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: "inherit",
  });
  return status ?? 1;
}

function run({ minutes, seed, pulse, scale, model }) {
  if (model) return vitest(["test/unit/lock/", "-t", "interleavings"], { HOLDFAST_MODEL: "deep" });
  if (scale) return vitest(["test/torture/scale.test.ts"], { HOLDFAST_SCALE: "full" });
  return vitest(["test/torture/torture.test.ts"], {
    HOLDFAST_TORTURE_MINUTES: minutes,
    ...(seed === undefined ? {} : { HOLDFAST_TEST_SEED: seed }),
    ...(pulse === undefined ? {} : { HOLDFAST_TORTURE_PULSE: pulse }),
  });
}

const asked = parse();
if (asked === undefined) console.error(usage);
process.exitCode = asked === undefined ? 64 : run(asked);
