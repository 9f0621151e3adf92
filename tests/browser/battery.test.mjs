// SPDX-License-Identifier: MIT
// battery.test.mjs: the page of one battery: current, addressable, accessible.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { assertAccessible, assertFits, close, launch, LOOKS, open, shoot } from "./browser.mjs";
import { assertSoon, DEADLINE_MS, record, Stack, until } from "./stack.mjs";

const SILENT = `LONG_${"X".repeat(45)}`;
const stack = new Stack();
let browser;
let seq = 0;

const feed = (values) => stack.feed(record("OURS_1", ++seq, { soc: 70, ...values }));

before(async () => {
  stack.feed(record(SILENT, 1));
  for (let i = 600; i > 0; i -= 2) feed({ timestamp: new Date(Date.now() - 1000 * i).toISOString(), soc: 70 - i / 60, current: 40 });
  stack.startPredictor(["--explain", "3"]);
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

test("a value changed in the store is on the page within 2 s", async () => {
  const page = await openBattery();
  await assertSoon("from the record to the page", (i) => {
    const soc = 60 - i;
    feed({ soc, current: 40 });
    return until(`charge ${soc}`, async () => (await page.locator("#tiles").innerText()).includes(`${soc}.0 %`), DEADLINE_MS, 30);
  });
  await close(page);
});

test("why the remaining life is predicted so, under it: three reasons and what they lead to", async () => {
  const page = await openBattery();
  const lines = page.locator("#outlook div", { has: page.getByText("Why", { exact: true }) }).locator("li");
  await until("four lines", async () => (await lines.count()) === 4);
  const { data } = await stack.get("/api/battery/reasons?battery_id=OURS_1");
  assert.equal(data.rul.reasons.length, 3);
  for (const { text, effect } of data.rul.reasons) assert.match(text, effect < 0 ? /: −[0-9,.]+ cycles?$/ : /: \+[0-9,.]+ cycles?$/);
  for (const line of (await lines.allInnerTexts()).slice(0, 3)) assert.match(line, /^[a-z].*: [−+][0-9,.]+ cycles?$/);
  assert.match(await lines.last().innerText(), /lead from [0-9,]+ cycles, the mean of the training data, to [0-9,]+ cycles for this record/);
  await close(page);
});

test("eight charts of the last 15 minutes where there is little; another range is in the address", async () => {
  const page = await openBattery();
  const press = (name) => page.locator("#tools").getByRole("button", { name, exact: true }).click();
  await until("charts", async () => (await page.locator("#charts canvas").count()) >= 8);
  await until("15 minutes", async () => /15 minutes/.test(await page.locator("#tools").getByRole("status").innerText()));
  assert.equal(new URL(page.url()).search, "", "which the address leaves out");
  await press("1 h");
  await until("an hour is in the address", () => new URL(page.url()).search === "?range=1h");
  await press("15 min");
  await until("and 15 minutes are not", () => new URL(page.url()).search === "");
  await press("24 h");
  await until("a day is", () => new URL(page.url()).search === "?range=24h");
  const address = page.url();
  await page.reload();
  await page.locator("#charts canvas").first().waitFor();
  assert.equal(page.url(), address);
  await close(page);
});

test("accessible, dark and light, wide and narrow", async () => {
  for (const look of LOOKS) {
    const page = await openBattery(look);
    feed({ soc: 45, current: 40 });
    await page.locator("#tiles").getByText("45.0 %").first().waitFor();
    await page.locator("#charts canvas").first().waitFor();
    await assertAccessible(page, look.name);
    await assertFits(page, look.name);
    await shoot(page, `battery-${look.name}`);
    await close(page);
  }
});

test("one that is silent and has a long name is so too", async () => {
  await until("it is silent", async () => (await stack.get(`/api/battery/latest?battery_id=${SILENT}`)).data?.health.silent);
  for (const look of LOOKS) {
    const page = await open(browser, `${stack.url}/battery/${SILENT}`, look);
    await until("it says so", async () => /no data for/i.test(await page.locator("main").innerText()));
    await assertAccessible(page, look.name);
    await assertFits(page, look.name);
    await close(page);
  }
});
