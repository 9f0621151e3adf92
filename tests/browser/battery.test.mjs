// SPDX-License-Identifier: MIT
// battery.test.mjs: the page of one battery: current, addressable, accessible.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { assertAccessible, assertFits, assertQuiet, close, launch, open, shoot } from "./browser.mjs";
import { DEADLINE_MS, record, sleep, Stack, until } from "./stack.mjs";

const stack = new Stack();
let browser;
let seq = 0;

const feed = (values) => stack.feed(record("OURS_1", ++seq, { soc: 70, ...values }));

before(async () => {
  for (let i = 600; i > 0; i -= 2) feed({ timestamp: new Date(Date.now() - 1000 * i).toISOString(), soc: 70 - i / 60, current: 40 });
  stack.startPredictor();
  await stack.startServer();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await stack.stop();
});

async function openBattery(options) {
  const page = await open(browser, `${stack.url}/battery/OURS_1`, options);
  await page.locator("#tiles").getByText("%").first().waitFor();
  return page;
}

test("a value changed in the store comes to the page by itself; how soon is printed", async () => {
  const page = await openBattery();
  const times = [];
  for (let i = 0; i < 8; i++) {
    const soc = 60 - i;
    feed({ soc, current: 40 });
    const [, ms] = await until(`charge ${soc}`, async () => (await page.locator("#tiles").innerText()).includes(`${soc}.0 %`), DEADLINE_MS, 30);
    times.push(ms);
    await sleep(300);
  }
  times.sort((a, b) => a - b);
  console.log(`from the record to the battery page: median ${times[4].toFixed(0)} ms, most ${times[7].toFixed(0)} ms`);
  assertQuiet(page);
  await close(page);
});

test("eight charts, and the range is in the address", async () => {
  const page = await openBattery();
  await until("charts", async () => (await page.locator("#charts canvas").count()) >= 8);
  await page.locator("#tools").getByRole("button", { name: "24 h" }).click();
  await until("the range is in the address", () => new URL(page.url()).search !== "");
  const address = page.url();
  await page.reload();
  await page.locator("#charts canvas").first().waitFor();
  assert.equal(page.url(), address);
  assertQuiet(page);
  await close(page);
});

test("accessible, dark and light, wide and narrow", async () => {
  for (const [scheme, width] of [["dark", 1366], ["light", 1366], ["light", 390]]) {
    const page = await openBattery({ scheme, width });
    await sleep(1500);
    await assertAccessible(page, `${scheme}, ${width}`);
    await assertFits(page, `${scheme}, ${width}`);
    await shoot(page, `battery-${scheme}-${width}`);
    await close(page);
  }
});
