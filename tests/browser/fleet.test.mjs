// SPDX-License-Identifier: MIT
// fleet.test.mjs: the fleet page: current, still under its reader, addressable, accessible.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { assertAccessible, assertFits, close, launch, LOOKS, open, shoot } from "./browser.mjs";
import { assertSoon, DEADLINE_MS, record, Stack, until } from "./stack.mjs";

const N_SEEN = 16; // states of the list while the focus is watched
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

test("a value changed in the store is on the page within 2 s", async () => {
  const page = await openFleet("/?q=OURS");
  await assertSoon("from the record to the page", (i) => {
    const soc = 60 - i;
    feed({ soc });
    return until(`charge ${soc}`, async () => (await cell(page, "OURS_1", "soc").innerText()).includes(`${soc}.0 %`), DEADLINE_MS, 30);
  });
  await close(page);
});

test("beside a RUL stands the interval that the model has for it", async () => {
  const page = await openFleet("/?q=OURS");
  feed({});
  await until("the interval of the service is on the page", async () => { // each time anew: the record above may not be predicted yet
    const row = (await stack.get("/api/batteries/list")).batteries.find((b) => b.battery_id === "OURS_1");
    if (row.rul_low === null) return false;
    return (await cell(page, "OURS_1", "rul").innerText()).includes(`${row.rul_low.toFixed(0)} to ${row.rul_high.toFixed(0)}`);
  });
  await close(page);
});

test("focus stays on its battery while rows change", async () => {
  const page = await openFleet();
  const button = page.locator("#rows [data-id] a, #rows [data-id] button").nth(3);
  await button.focus();
  const begin = await focused(page);
  assert.match(begin, /^\S+ /, "the focus is in a row");
  const seen = new Set();
  const states = new Set();
  await until("the list has changed often", async () => {
    feed({ temperature: states.size % 2 ? 68 : 27 }); // it comes to the top of what needs attention, and leaves it
    seen.add(await focused(page));
    states.add(await page.locator("#rows").innerText());
    return states.size >= N_SEEN;
  }, 3 * DEADLINE_MS, 500);
  assert.deepEqual([...seen], [begin]);
  feed({});
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
  await close(page);
});

test("words for a state find batteries, alone and beside a part of a name", async () => {
  const page = await openFleet();
  const find = (what, words, isRight) => page.locator("#q").fill(words).then(() => until(what, async () =>
    isRight(await page.locator("#rows [data-id]").evaluateAll((rows) => rows.map((row) => row.dataset.id)))));
  const onlyOurs = (ids) => ids.length === 1 && ids[0] === "OURS_1";
  feed({ temperature: 68 });
  await find("it is critical", "ours critical", onlyOurs);
  await find("by the limit that is broken", "Temperature ours", onlyOurs);
  await find("among all that are critical", "critical", (ids) => ids.includes("OURS_1"));
  await find("it is not normal", "ours normal", (ids) => ids.length === 0);
  await page.locator("#none").waitFor();
  feed({});
  await find("until it is", "ours normal", onlyOurs);
  await close(page);
});

test("on a phone a row has two lines, and 12 batteries are on two screens", async () => {
  const look = LOOKS.at(-1);
  const page = await openFleet("/", look);
  const bottoms = new Map(); // of each row, in the document
  const lines = new Set();
  for (const y of [0, look.height]) { // only what is near the screen is there
    await page.evaluate((top) => scrollTo(0, top), y);
    await until("rows to the end of the screen", async () => {
      const rows = await page.evaluate(() => [...document.querySelectorAll("#rows [data-id]")].map((row) => {
        const middles = [...row.children].map((e) => e.getBoundingClientRect()).filter((r) => r.height > 1).map((r) => (r.top + r.bottom) / 2).sort((a, b) => a - b);
        return [row.dataset.id, row.getBoundingClientRect().bottom + scrollY, 1 + middles.filter((middle, i) => i > 0 && middle - middles[i - 1] > 8).length];
      }));
      for (const [id, bottom, n] of rows) {
        bottoms.set(id, bottom);
        lines.add(n);
      }
      return bottoms.size === 13 || Math.max(...bottoms.values()) > y + look.height;
    });
  }
  const end = [...bottoms.values()].sort((a, b) => a - b)[11];
  console.log(`the 12th battery ends at ${end.toFixed(0)} px of two screens of ${look.height}`);
  assert.deepEqual([...lines], [2], "lines of each row");
  assert.ok(end <= 2 * look.height, `12 batteries on two screens: ${end}`);
  await close(page);
});

test("accessible, dark and light, wide and narrow", async () => {
  for (const look of LOOKS) {
    const page = await openFleet("/", look);
    await until("each trend has its answer", () => page.locator("#trends figcaption small").evaluateAll((ages) => ages.length === 3 && ages.every((e) => e.textContent)));
    await assertAccessible(page, look.name);
    await assertFits(page, look.name);
    await shoot(page, `fleet-${look.name}`);
    await close(page);
  }
});
