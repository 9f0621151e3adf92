// SPDX-License-Identifier: MIT
// week.test.mjs: a week of records, one every 2 s, of one battery: its page opens as that of an hour does, and zooms.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { close, launch, LOOKS, open, shoot } from "./browser.mjs";
import { record, Stack, until } from "./stack.mjs";

const DAY_S = 86400;
const MAX_RATIO = 20; // of the page of a week to that of an hour
const MAX_MS = 30000; // on the slowest machine
const MAX_BYTES = 400000; // of one answer
const N_ROUNDS = 3;

const stack = new Stack();
let browser;

before(async () => {
  stack.simulatePast("WEEK_1", 7 * DAY_S);
  stack.simulatePast("HOUR_1", 3600);
  await stack.startServer();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await stack.stop();
});

// An answer with the points of so many hours, which the page has not given up meanwhile.
const isHistoryOf = (isRight) => async (response) => {
  const { pathname, searchParams } = new URL(response.url());
  return pathname === "/api/battery/history" && searchParams.get("quantities").includes("soc") && isRight(Number(searchParams.get("hours"))) &&
    response.text().then(() => true, () => false);
};
const hours = (wanted) => isHistoryOf((given) => Math.abs(given / wanted - 1) < 0.02);
const RANGES = { "1h": 1, "24h": 24, "7d": 168, "30d": 720 };

// The page with its charts; ms: from the address to the charts; bytes: of the history, not compressed.
async function openCharts(id, range, options) {
  const page = await open(browser, "about:blank", options);
  const answer = page.waitForResponse(hours(RANGES[range]));
  await page.goto(`${stack.url}/battery/${id}?range=${range}`);
  await until("the charts", () => page.evaluate(() => performance.getEntriesByName("charts").length > 0));
  const ms = await page.evaluate(() => performance.getEntriesByName("charts")[0].startTime);
  await until("they are drawn", () => hasInk(page));
  const text = await (await answer).text();
  return { page, ms, history: JSON.parse(text), bytes: text.length };
}

// There is something in the colour of a line on the first chart: more than axes and a grid.
async function hasInk(page) {
  return page.locator("#charts canvas").first().evaluate((canvas) => {
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    let n = 0;
    for (let i = 0; i < data.length; i += 4) {
      const [r, g, b] = data.subarray(i, i + 3);
      if (data[i + 3] > 128 && Math.max(r, g, b) - Math.min(r, g, b) > 60) n++;
    }
    return n > 100;
  });
}

test("a week opens as an hour does, and is one small answer", async () => {
  const rows = (await stack.get("/api/battery/history?battery_id=WEEK_1&hours=169&points=2")).data.reduce((sum, bucket) => sum + bucket.n, 0);
  assert.ok(rows > 302000, `a week of records every 2 s: ${rows}`);
  const best = { week: Infinity, hour: Infinity };
  for (let round = 0; ; round++) {
    for (const [name, id, range] of [["hour", "HOUR_1", "1h"], ["week", "WEEK_1", "7d"]]) {
      const { page, ms, history, bytes } = await openCharts(id, range);
      best[name] = Math.min(best[name], ms);
      console.log(`${name} of records: charts after ${ms.toFixed(0)} ms, ${history.count} points, ${bytes} bytes`);
      assert.ok(history.count >= 300 && history.count <= 1000, "as many points as can be seen");
      assert.ok(bytes < MAX_BYTES, "a small answer");
      await close(page);
    }
    if (best.week < MAX_RATIO * best.hour && best.week < MAX_MS) break;
    assert.ok(round + 1 < N_ROUNDS, `at most ${MAX_RATIO} times as long as an hour, and ${MAX_MS / 1000} s`);
  }
});

test("each range, and zoom: by buttons, by drawing over a chart, and back to live", async () => {
  const { page, history } = await openCharts("WEEK_1", "30d");
  const spans = [history.bucket_s];
  const period = () => page.locator("#tools").getByRole("status").innerText();
  const press = async (name, wanted) => {
    const answer = page.waitForResponse(hours(wanted));
    await page.locator("#tools").getByRole("button", { name, exact: true }).click();
    const { bucket_s, count } = await (await answer).json();
    assert.ok(count > 0, `${name}: it has points`);
    await until(`${name}: drawn`, () => hasInk(page));
    return bucket_s;
  };
  for (const range of ["7d", "24h", "1h"]) {
    spans.push(await press(range.replace(/\D/, " $&"), RANGES[range]));
    assert.match(page.url(), range === "1h" ? /WEEK_1$/ : new RegExp(`range=${range}$`));
    assert.match(await period(), /following/);
  }
  assert.ok(spans.every((s, i) => i === 0 || s < spans[i - 1]), `a shorter time is shown in more detail: buckets of ${spans.join(", ")} s`);

  await press("7 d", 168);
  const zoomed = await press("Zoom in", 84);
  assert.ok(zoomed < spans[1], "more detail");
  assert.match(page.url(), /from=.*until=/);
  const begin = await period();
  assert.match(begin, / to .*\(\S+ [dh]\)/);

  const chart = page.locator("#charts canvas").first();
  await chart.scrollIntoViewIfNeeded();
  const box = await chart.boundingBox();
  const answer = page.waitForResponse(isHistoryOf((given) => given < 40));
  await page.mouse.move(box.x + 0.4 * box.width, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + 0.6 * box.width, box.y + box.height / 2, { steps: 5 });
  await page.mouse.up();
  assert.ok((await (await answer).json()).bucket_s <= zoomed, "at least as much detail");
  assert.notEqual(await period(), begin);
  await page.goBack();
  await until("Back undoes it", async () => (await period()) === begin);
  await press("Back to live", 168);
  assert.match(await period(), /following/);
  await close(page);
});

test("a record that comes is on the page of the week", async () => {
  const { page } = await openCharts("WEEK_1", "7d");
  stack.feed(record("WEEK_1", 1000000, { soc: 12.3 }));
  await until("it is in the tiles", async () => (await page.locator("#tiles").innerText()).includes("12.3 %"));
  await close(page);
});

test("pictures of a week", { skip: !process.env.EVTWIN_SHOTS }, async () => {
  for (const look of LOOKS) {
    const { page } = await openCharts("WEEK_1", "7d", look);
    await shoot(page, `week-${look.name}`);
    await close(page);
  }
});
