// SPDX-License-Identifier: MIT
// pictures.mjs: the pictures of docs/ (`make pictures`): a fleet as the demo has it, after 20 minutes. Those are simulated at once.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { close, launch, open } from "./browser.mjs";
import { withPalette } from "./png.mjs";
import { Stack, until } from "./stack.mjs";

const DOCS = fileURLToPath(new URL("../../docs", import.meta.url));
const MAX_BYTES = 300000;
const N_BATTERIES = 12;
const FLEET = ["-q", "--fleet", N_BATTERIES, "--soh", "99:79", "--seed", 7]; // of scripts/demo.sh
const INTERVAL_S = 2;
const FACTOR = 60; // physics seconds a second
const N_RECORDS = 600; // of each battery
const N_LIVE = 10; // more of each, live
const WORST = `BATTERY_0${N_BATTERIES}`;

const stack = new Stack();

// What one tool prints, at its end.
function run(tool, args, input) {
  const done = spawnSync(join(process.env.EVTWIN_TOOLS, tool), args.map(String), { encoding: "utf8", input, maxBuffer: 1 << 28 });
  assert.equal(done.status, 0, `${tool}: ${done.stderr}`);
  return done.stdout;
}

// The records that the fleet would have sent by now; the live one goes on from them.
function fill() {
  const step = FACTOR * INTERVAL_S;
  const lines = run("evtwin-sim", [...FLEET, "--speed", "max", "--interval", step, "--duration", step * N_RECORDS, "--sink", "jsonl:-"]).trim().split("\n");
  assert.equal(lines.length, N_BATTERIES * N_RECORDS);
  const start = Date.now() - 1000 * INTERVAL_S * N_RECORDS;
  const records = lines.map((line, i) => {
    const timestamp = new Date(start + 1000 * INTERVAL_S * Math.floor(i / N_BATTERIES)).toISOString();
    return JSON.stringify({ ...JSON.parse(line), timestamp });
  });
  run("evtwin-ingest", ["-q", "--source", "jsonl:-", "--sink", stack.store], `${records.join("\n")}\n`);
}

// Every record has its prediction, and the worst battery so many records.
async function isPredicted(nRecords) {
  const { data } = await stack.get(`/api/battery/history?battery_id=${WORST}&hours=1&points=50`);
  return data.reduce((n, bucket) => n + bucket.n, 0) >= nRecords && data.slice(0, -1).every((bucket) => bucket.rul_prediction !== null);
}

async function shoot(name, page) {
  const png = withPalette(await page.screenshot());
  assert.ok(png.length <= MAX_BYTES, `${name}.png: ${png.length} bytes`);
  writeFileSync(join(DOCS, `${name}.png`), png);
  console.log(`docs/${name}.png: ${png.length} bytes`);
  await close(page);
}

fill();
stack.start("evtwin-sim", [...FLEET, "--interval", INTERVAL_S, "--sink", stack.store].map(String));
stack.startPredictor();
await stack.startServer(["--alerts"]);
await until("all are predicted", () => isPredicted(N_RECORDS + N_LIVE), 300000);
await until("alerts", async () => (await stack.get(`/api/alerts/history?battery_id=${WORST}`)).count >= 3);

const browser = await launch();
const show = (path, height = 800) => open(browser, stack.url + path, { height });

const fleet = await show("/");
await fleet.locator("#rows [data-id]").nth(2).waitFor();
await fleet.getByText("one second is one minute").waitFor();
await fleet.locator("#trends svg, #trends [style]").first().waitFor();
await shoot("fleet", fleet);

const battery = await show(`/battery/${WORST}`, 960);
await battery.locator("#head").getByText(/open alerts/).waitFor();
await until("the last 15 minutes are drawn", async () => (await battery.locator("#charts canvas").count()) >= 8 && /15 min/.test(await battery.locator("#tools").getByRole("status").innerText()));
await shoot("battery", battery);

const pack = await show(`/battery/${WORST}/3d`);
await until("it discharges", () => pack.evaluate(() => {
  const { state, flow, cellColor } = document.getElementById("stage").dataset;
  return state === "live" && flow === "discharging" && cellColor;
}), 120000);
await shoot("pack", pack);

await browser.close();
await stack.stop();
