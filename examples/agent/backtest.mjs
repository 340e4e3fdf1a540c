/**
 * Backtests a moving-average crossover on prices.csv: hold the asset while the fast average is above the slow one.
 *
 *   node backtest.mjs [--fast 10] [--slow 30] [--seconds 4]     prints progress lines, then the result
 *   node backtest.mjs --make-prices > prices.csv                makes the file again, always the same
 *
 * Real backtests take a while; this one spreads its work over `--seconds`, so that there is something to look at.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    fast: { type: "string", default: "10" },
    slow: { type: "string", default: "30" },
    seconds: { type: "string", default: "4" },
    "make-prices": { type: "boolean", default: false },
  },
});

if (options["make-prices"]) {
  process.stdout.write(makePrices(500, 20_250_629));
} else {
  const fast = Number(options.fast);
  const slow = Number(options.slow);
  const prices = await readPrices(new URL("prices.csv", import.meta.url));
  const steps = 20;
  for (let step = 1; step <= steps; step += 1) {
    await pause((Number(options.seconds) * 1000) / steps);
    const { gain, trades } = crossover(prices.slice(0, Math.ceil((prices.length * step) / steps)), fast, slow);
    console.log(`backtest ${fast}/${slow}: ${step * 5} % · ${trades} trades · ${percent(gain)}`);
  }
  const { gain, trades } = crossover(prices, fast, slow);
  const held = prices.at(-1) / prices[0] - 1;
  console.log(
    `backtest ${fast}/${slow}: done, ${percent(gain)} in ${trades} trades; holding all the time ${percent(held)}`,
  );
}

/** What one unit of money gained, and how often the asset was bought. Decides on a day's close, trades at the next. */
function crossover(prices, fast, slow) {
  let worth = 1;
  let trades = 0;
  let holding = false;
  for (let day = slow; day < prices.length; day += 1) {
    if (holding) worth *= prices[day] / prices[day - 1];
    const above = average(prices, day, fast) > average(prices, day, slow);
    if (above && !holding) trades += 1;
    holding = above;
  }
  return { gain: worth - 1, trades };
}

/** The mean of the `length` prices up to and including `day`. */
function average(prices, day, length) {
  let sum = 0;
  for (let index = day - length + 1; index <= day; index += 1) sum += prices[index];
  return sum / length;
}

async function readPrices(file) {
  const [, ...rows] = (await readFile(file, "utf8")).trim().split("\n");
  return rows.map((row) => Number(row.split(",")[1]));
}

/** Made-up daily closes as CSV: a random walk in which trends last a while. The same seed gives the same prices. */
function makePrices(days, seed) {
  const random = seededRandom(seed);
  const rows = ["date,close"];
  let price = 100;
  let trend = 0;
  for (let day = 0; day < days; day += 1) {
    trend = 0.95 * trend + 0.002 * (random() - 0.5);
    price *= 1 + trend + 0.02 * (random() - 0.5);
    const date = new Date(Date.UTC(2024, 0, 1 + day)).toISOString().slice(0, 10);
    rows.push(`${date},${price.toFixed(2)}`);
  }
  return `${rows.join("\n")}\n`;
}

/** A linear congruential generator (Knuth's MMIX constants), of which the upper 32 bits are used: numbers in [0, 1). */
function seededRandom(seed) {
  let state = BigInt(seed);
  return () => {
    state = BigInt.asUintN(64, state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n);
    return Number(state >> 32n) / 2 ** 32;
  };
}

function percent(fraction) {
  return `${fraction < 0 ? "" : "+"}${(fraction * 100).toFixed(1)} %`;
}
