// SPDX-License-Identifier: MIT
// keyboard.test.mjs: from the fleet to a battery, through its charts and to its pack, without a mouse.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { close, launch, LOOKS, open } from "./browser.mjs";
import { Stack, until } from "./stack.mjs";

const MOST_TABS = 60;
const stack = new Stack();
let browser;

before(async () => {
  stack.simulatePast("BATTERY_001", 3600, ["--fleet", 12]);
  stack.startSimulator(12);
  await stack.startServer();
  await until("rows", async () => (await stack.get("/api/batteries/list")).count === 12);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await stack.stop();
});

// What has the focus, and whether one sees it: it is in the window and has a ring.
const focused = (page) => page.evaluate(() => {
  const e = document.activeElement;
  const { top, bottom, width } = e.getBoundingClientRect();
  const { outlineStyle, outlineWidth } = getComputedStyle(e);
  return {
    what: `${e.tagName} ${e.getAttribute("aria-label") || e.textContent.trim().slice(0, 40) || e.id}`, id: e.id, text: e.textContent.trim(),
    row: e.closest("#rows [data-id]")?.dataset.id, isChart: e.closest("#charts") !== null && e.getAttribute("aria-roledescription") === "chart",
    isSeen: (outlineStyle !== "none" && parseFloat(outlineWidth) >= 1) && width > 0 && bottom > 0 && top < innerHeight,
  };
});

// Tab until it is there; every stop on the way must be seen.
async function tabTo(page, what, isThere, key = "Tab") {
  for (let i = 0; i < MOST_TABS; i++) {
    await page.keyboard.press(key);
    const now = await focused(page);
    if (now.what.startsWith("BODY")) continue; // round the end
    assert.ok(now.isSeen, `the focus is seen: ${now.what}`);
    if (isThere(now)) return now;
  }
  throw new Error(`${MOST_TABS} times ${key}, and not at ${what}`);
}

for (const look of [LOOKS[0], LOOKS[3]]) {
  test(`from the fleet to a battery, its charts, its pack, and back: ${look.name}`, async () => {
    const page = await open(browser, stack.url, look);
    await page.locator("#rows [data-id]").first().waitFor();
    const skip = await tabTo(page, "the link to the list", () => true);
    assert.match(skip.what, /^A Skip/, "the first stop leads past the header");
    await page.keyboard.press("Enter");
    const { row } = await tabTo(page, "a row", (now) => now.row !== undefined);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    const chosen = await focused(page);
    assert.ok(chosen.row && chosen.row !== row, "the arrow keys go from row to row");
    assert.ok(chosen.isSeen, "the focus is seen in the list");
    await page.keyboard.press("Enter");
    await until("the battery's page", () => page.url().endsWith(`/battery/${chosen.row}`));
    await page.locator("#charts canvas").first().waitFor();

    await tabTo(page, "24 h", (now) => now.text === "24 h");
    await page.keyboard.press("Space");
    await until("the range", () => page.url().endsWith("range=24h"));
    assert.equal((await focused(page)).text, "24 h", "the focus stays");

    await tabTo(page, "a chart", (now) => now.isChart);
    const reading = () => page.locator("#said").innerText();
    await page.keyboard.press("End");
    await until("a value is read", async () => / at \d{4}-/.test(await reading()));
    const value = await reading();
    await page.keyboard.press("Home");
    await until("another one", async () => (await reading()) !== value);
    const before = page.url();
    await page.keyboard.press("Escape");
    assert.equal(page.url(), before, "Escape ends reading, and nothing else");
    await page.keyboard.press("+");
    await until("plus zooms", () => /from=/.test(page.url()));
    await page.keyboard.press("0");
    await until("0 goes back to live", () => !/from=/.test(page.url()));

    await tabTo(page, "the link to the pack", (now) => /3D/.test(now.text), "Shift+Tab");
    await page.keyboard.press("Enter");
    await until("the pack", () => page.url().endsWith("/3d"));
    await until("it is drawn", () => page.evaluate(() => Boolean(document.getElementById("stage").dataset.cellColor)));
    await tabTo(page, "the view", (now) => now.id === "view");
    await tabTo(page, "the flat view", (now) => now.id === "flat");
    await page.keyboard.press("Enter");
    await until("flat", () => page.evaluate(() => document.getElementById("stage").dataset.renderer === "flat"));

    await page.goBack();
    await until("Back: the battery", () => page.url().includes(`/battery/${chosen.row}`) && !page.url().includes("3d"));
    await tabTo(page, "the link to the fleet", (now) => now.text === "Fleet");
    await page.keyboard.press("Enter");
    await page.locator("#rows [data-id]").first().waitFor();
    await page.keyboard.press("/");
    assert.equal((await focused(page)).id, "q", "/ goes to the search");
    await page.keyboard.type(chosen.row);
    await until("one is found", async () => (await page.locator("#rows [data-id]").count()) === 1);
    await page.keyboard.press("Escape");
    await until("Escape shows all", async () => (await page.locator("#rows [data-id]").count()) > 1);
    await close(page);
  });
}
