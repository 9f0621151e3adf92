// SPDX-License-Identifier: MIT
// fleet.test.mjs: the fleet page: current, still under its reader, addressable, accessible.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { assertAccessible, assertFits, assertQuiet, close, launch, open, shoot } from "./browser.mjs";
import { DEADLINE_MS, record, sleep, Stack, until } from "./stack.mjs";

const WATCH_MS = 40000; // of updates: focus must not wander
const stack = new Stack();
let browser;
let seq = 0;

const feed = (values) => stack.feed(record("OURS_1", ++seq, { soc: 70, ...values }));
const cell = (page, id, name) => page.locator(`[data-id="${id}"] .${name}`).first();
const focused = (page) => page.evaluate(() => {
  const e = document.activeElement;
  return `${e.closest("[data-id]")?.dataset.id ?? ""} ${e.tagName} ${e.textContent.trim().slice(0, 40)}`;
});

before(async () => {
  stack.startSimulator(12);
  stack.startPredictor();
  feed({});
  await stack.startServer();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await stack.stop();
});

async function openFleet(address = "/", options = {}) {
  const page = await open(browser, stack.url + address, options);
  await page.locator("#rows [data-id]").first().waitFor();
  return page;
}

test("a value changed in the store comes to the page by itself; how soon is printed", async () => {
  const page = await openFleet("/?q=OURS");
  const times = [];
  for (let i = 0; i < 8; i++) {
    const soc = 60 - i;
    feed({ soc });
    const [, ms] = await until(`charge ${soc}`, async () => (await cell(page, "OURS_1", "soc").innerText()).includes(`${soc}.0 %`), DEADLINE_MS, 30);
    times.push(ms);
    await sleep(300);
  }
  times.sort((a, b) => a - b);
  console.log(`from the record to the fleet page: median ${times[4].toFixed(0)} ms, most ${times[7].toFixed(0)} ms`);
  assertQuiet(page);
  await close(page);
});

test("focus stays on its battery while rows change", async () => {
  const page = await openFleet();
  const button = page.locator("#rows [data-id] a, #rows [data-id] button").nth(3);
  await button.focus();
  const begin = await focused(page);
  assert.match(begin, /^\S+ /, "the focus is in a row");
  const seen = new Set();
  const start = performance.now();
  const before = await page.locator("#rows").innerText();
  while (performance.now() - start < WATCH_MS) {
    seen.add(await focused(page));
    await sleep(500);
  }
  assert.deepEqual([...seen], [begin]);
  assert.notEqual(await page.locator("#rows").innerText(), before, "meanwhile values have changed");
  assertQuiet(page);
  await close(page);
});

test("what is shown is in the address: Back and reload, Escape", async () => {
  const page = await openFleet();
  const place = async () => `${await page.locator("#q").inputValue()}|${await page.locator("#sort").inputValue()}|${new URL(page.url()).search}`;
  await page.locator("#sort").selectOption("soc");
  await until("the order is in the address", () => page.url().includes("soc"));
  const sorted = await place();
  await page.reload();
  await page.locator("#rows [data-id]").first().waitFor();
  assert.equal(await place(), sorted, "after a reload");
  await page.goto(`${stack.url}/battery/OURS_1/3d`);
  await page.goBack();
  await page.locator("#rows [data-id]").first().waitFor();
  assert.equal(await place(), sorted, "after Back");
  await page.locator("#q").fill("OURS");
  await until("one is found", async () => (await page.locator("#rows [data-id]").count()) === 1);
  await page.keyboard.press("Escape");
  await until("Escape shows all", async () => (await page.locator("#rows [data-id]").count()) > 1);
  assertQuiet(page);
  await close(page);
});

test("accessible, dark and light, wide and narrow", async () => {
  for (const [scheme, width] of [["dark", 1366], ["light", 1366], ["light", 390]]) {
    const page = await openFleet("/", { scheme, width });
    await sleep(1500);
    await assertAccessible(page, `${scheme}, ${width}`);
    await assertFits(page, `${scheme}, ${width}`);
    await shoot(page, `fleet-${scheme}-${width}`);
    await close(page);
  }
});
