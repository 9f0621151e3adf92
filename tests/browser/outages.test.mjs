// SPDX-License-Identifier: MIT
// outages.test.mjs: what is killed shows as what it is, on every page, and heals by itself.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { close, launch, open, OUTAGE } from "./browser.mjs";
import { Stack, until } from "./stack.mjs";

const stack = new Stack();
let browser;
let pages;

before(async () => {
  stack.startSimulator(3);
  stack.startPredictor();
  await stack.startServer();
  await until("rows", async () => (await stack.get("/api/batteries/list")).count === 3);
  browser = await launch();
  const addresses = ["/", "/battery/BATTERY_001", "/battery/BATTERY_001/3d"];
  pages = await Promise.all(addresses.map((address) => open(browser, stack.url + address)));
  await untilAll("live", /^\W*Live/);
});

after(async () => {
  await browser?.close();
  await stack.stop();
});

// The indicator in the header, and what is written under it.
const said = (page) => page.locator(".live, .messages p:not([hidden])").allInnerTexts().then((texts) => texts.join(" | ").replace(/\s+/g, " "));

async function untilAll(what, wanted) {
  for (const page of pages) {
    const path = new URL(page.url()).pathname;
    const [, ms] = await until(`${what} on ${path}: ${wanted}`, async () => wanted.test(await said(page))).catch(async (error) => {
      throw new Error(`${error.message}; it says: ${await said(page)}`);
    });
    console.log(`${what}: ${path} after ${(ms / 1000).toFixed(1)} s more: ${await said(page)}`);
  }
}

test("the predictor", async () => {
  await stack.kill("evtwin-predict");
  await untilAll("predictor killed", /no predictions|Partly live/i);
  stack.startPredictor();
  await untilAll("predictor again", /^\W*Live(?!.*predictions)/);
});

test("the simulator", async () => {
  await stack.kill("evtwin-sim");
  await untilAll("simulator killed", /no (recent )?data/i);
  assert.match(await pages[2].locator("#state").innerText(), /^No data for \d+ s/);
  stack.startSimulator(3);
  await untilAll("simulator again", /^\W*Live(?!.*data)/);
  assert.match(await pages[2].locator("#state").innerText(), /^Live/);
});

test("the server", async () => {
  await stack.kill("evtwin-serve");
  await untilAll("server killed", /Not connected.*Trying again/);
  await stack.startServer();
  await untilAll("server again", /^\W*Live(?!.*Trying)/);
  for (const page of pages) {
    await close(page, OUTAGE);
  }
});
