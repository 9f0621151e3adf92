// SPDX-License-Identifier: MIT
// large.test.mjs: the fleet page with thousands of batteries: the one in trouble is in the first view, and the list scrolls.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { close, launch, LOOKS, open, shoot } from "./browser.mjs";
import { record, Stack, until } from "./stack.mjs";

const TROUBLE = "WATCH_ME_1";
const SCROLL_MS = 3000;
const MIN_RATIO = 0.25; // of the frames of an empty page, in the same browser at the same time: they are drawn without a graphics card
const MIN_FRAMES = 5; // a second, on the slowest machine
const MAX_ROWS = 80; // in the document
const N_ROUNDS = 4;

const stack = new Stack();
let browser;

const count = async () => (await stack.get("/api/fleet/map")).count;

async function startFleet(n) {
  stack.startSimulator(n, ["--soh", "99:91", "--speed", 1, "--interval", 10]);
  await until(`${n} batteries`, async () => (await count()) === n + 1);
}

before(async () => {
  stack.feed(record(TROUBLE, 1, { temperature: 68 }));
  await stack.startServer(["--silent-after", 600]);
  browser = await launch({ hasWebgl: false }); // whose emulation makes all drawing slow
});

after(async () => {
  await browser?.close();
  await stack.stop();
});

async function openFleet(options) {
  const page = await open(browser, stack.url, options);
  await page.locator("#rows [data-id]").first().waitFor();
  return page;
}

test("of 2,000 batteries the one in trouble is in the first view", async () => {
  await startFleet(2000);
  for (const look of LOOKS) {
    const page = await openFleet(look);
    const places = () => page.getByRole("link", { name: TROUBLE }).or(page.getByText(TROUBLE, { exact: true })).evaluateAll((all) => all.map((e) => {
      const { top, bottom, left, right } = e.getBoundingClientRect();
      return top >= 0 && bottom <= innerHeight && left >= 0 && right <= innerWidth && e.checkVisibility();
    }));
    await until(`it is in view: ${look.name}`, async () => (await places()).includes(true));
    assert.equal(await page.evaluate(() => scrollY), 0, "nobody has scrolled");
    await page.getByText("68.0 °C").first().waitFor(); // what is wrong with it
    await shoot(page, `large-${look.name}`);
    await close(page);
  }
  await stack.kill("evtwin-sim");
});

// Frames a second while the wheel turns, and what the page's own work takes of each, ms.
async function scroll(page) {
  await page.mouse.move(300, 600);
  await page.evaluate(() => {
    globalThis.nFrames = 0;
    globalThis.isCounting = true;
    const count = () => {
      globalThis.nFrames++;
      if (globalThis.isCounting) requestAnimationFrame(count);
    };
    requestAnimationFrame(count);
  });
  const from = await page.evaluate(() => scrollY);
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  const metrics = async () => Object.fromEntries((await session.send("Performance.getMetrics")).metrics.map((m) => [m.name, m.value]));
  const before = await metrics();
  const start = performance.now();
  while (performance.now() - start < SCROLL_MS) await page.mouse.wheel(0, 240);
  const n = await page.evaluate(() => {
    globalThis.isCounting = false;
    return globalThis.nFrames;
  });
  const now = await metrics();
  await session.detach();
  const work = (1000 * ["ScriptDuration", "LayoutDuration", "RecalcStyleDuration"].reduce((sum, name) => sum + now[name] - before[name], 0)) / n;
  const perSecond = (1000 * n) / (performance.now() - start);
  const way = (await page.evaluate(() => scrollY)) - from;
  assert.ok(way > 2000, `it has scrolled: ${way} px`);
  return [perSecond, work];
}

test("5,000 batteries scroll as an empty page does", async () => {
  await startFleet(5000);
  const empty = await open(browser, "about:blank");
  const page = await openFleet();
  await until("all are in the list", async () => Number(await page.locator("#table").getAttribute("aria-rowcount")) === 5002);
  for (let round = 0; ; round++) {
    await empty.bringToFront();
    await empty.setContent("<div style='height: 10000000px'>");
    const [most] = await scroll(empty);
    await page.bringToFront();
    const [frames, work] = await scroll(page);
    const { height, rows, elements } = await page.evaluate(() => ({
      height: document.documentElement.scrollHeight, rows: document.querySelectorAll("#rows [data-id]").length, elements: document.querySelectorAll("*").length,
    }));
    console.log(`5,000 batteries: ${frames.toFixed(0)} frames/s while it scrolls, ${work.toFixed(1)} ms of work in each; an empty page ${most.toFixed(0)}; ${rows} rows of ${height} px are in the document, ${elements} elements`);
    assert.ok(height > 5000 * 30, "as high as all of them");
    assert.ok(rows > 5 && rows <= MAX_ROWS, "only what is on the screen is in the document");
    const seen = await page.evaluate(() => document.elementFromPoint(300, 600).closest("[data-id]")?.dataset.id);
    assert.ok(seen, "there is a row where it has come to");
    if (frames >= MIN_RATIO * most && frames >= MIN_FRAMES) break;
    assert.ok(round + 1 < N_ROUNDS, `at least ${MIN_RATIO} of the frames of an empty page, and ${MIN_FRAMES}`);
  }
  await close(empty);
  await close(page);
});
