// SPDX-License-Identifier: MIT
// pack.test.mjs: the 3D page: its colours follow the charge, it moves only when something does, and it is honest.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { assertAccessible, assertFits, close, launch, LOOKS, open, REFUSAL, shoot } from "./browser.mjs";
import { assertSoon, record, sleep, Stack, until } from "./stack.mjs";

const N_FRAMES = 30; // that show that it turns
const stack = new Stack();
let browser;
let seq = 0;

const feed = (values) => stack.feed(record("PACK_1", ++seq, values));
const pack = () => `${stack.url}/battery/PACK_1/3d`;
const drawn = (page) => page.evaluate(() => ({ ...document.getElementById("stage").dataset }));
const text = (page, id) => page.locator(`#${id}`).innerText();

async function untilDrawn(page, what, check) {
  const [, ms] = await until(what, async () => check(await drawn(page)));
  return ms;
}

// The hue of "#rrggbb" in degrees: 0 red, 120 green.
function hue(color) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  const top = Math.max(r, g, b);
  const range = top - Math.min(r, g, b);
  if (range === 0) return NaN;
  const part = top === r ? (g - b) / range : top === g ? 2 + (b - r) / range : 4 + (r - g) / range;
  return (60 * part + 360) % 360;
}

before(async () => {
  feed({ soc: 90, current: 60 });
  await stack.startServer();
  stack.startPredictor();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await stack.stop();
});

for (const view of ["", "?view=flat"]) {
  test(`colours follow the charge${view}`, async () => {
    const page = await open(browser, pack() + view);
    const hues = [];
    for (const soc of [97, 60, 35, 17, 3]) {
      feed({ soc, current: 60 });
      const ms = await untilDrawn(page, `charge ${soc}`, (d) => Number(d.soc) === soc && d.state === "live" && d.cellColor && hue(d.cellColor) < (hues.at(-1) ?? 361) - 3);
      hues.push(hue((await drawn(page)).cellColor));
      console.log(`charge ${soc} %: hue ${hues.at(-1).toFixed(0)}° after ${ms.toFixed(0)} ms`);
      assert.match(await text(page, "bars"), new RegExp(`Charge\\s+\\W*${soc}\\.0 %`));
    }
    assert.ok(hues[0] > 110 && hues[0] < 170, "full is green");
    assert.ok(hues.at(-1) < 15 || hues.at(-1) > 345, "empty is red");
    assert.equal((await drawn(page)).renderer, view ? "flat" : "webgl");
    await close(page);
  });
}

test("energy goes into the pack while it charges, and out while it discharges", async () => {
  const page = await open(browser, pack());
  for (const [current, flow, words] of [[-90, "charging", "Charging · 90.0 A into the pack"], [75, "discharging", "Discharging · 75.0 A out of the pack"], [0, "idle", "Idle"]]) {
    feed({ soc: 55, current, is_charging: current < 0 });
    await untilDrawn(page, flow, (d) => d.flow === flow);
    await until(words, async () => (await text(page, "flow-text")) === words);
  }
  await close(page);
});

test("what is not measured is said so, and never shown as 0", async () => {
  const page = await open(browser, pack());
  feed({ soc: null, soh: null, temperature: null, current: 10 });
  await untilDrawn(page, "no charge", (d) => d.soc === "unknown");
  assert.match(await text(page, "bars"), /Charge\s+not measured[^]*Health\s+not measured[^]*Temperature\s+not measured/);
  assert.match(await text(page, "facts"), /Cell spread\s+not measured/);
  await close(page);
});

test("a value changed in the store is on the page within 2 s", async () => {
  const page = await open(browser, pack());
  await assertSoon("from the record to the 3D page", async (i) => {
    const soc = 40 + i;
    feed({ soc, current: 30 });
    return [soc, await untilDrawn(page, `charge ${soc}`, (d) => Number(d.soc) === soc)];
  });
  await close(page);
});

test("where there is no WebGL it says so and shows the same values", async () => {
  const plain = await launch({ hasWebgl: false });
  const page = await open(plain, pack());
  feed({ soc: 66, current: 44 });
  await untilDrawn(page, "flat", (d) => d.renderer === "flat" && d.soc === "66");
  assert.match(await text(page, "why"), /no WebGL/);
  assert.match(await text(page, "bars"), /66\.0 %/);
  assert.equal(await page.locator(".flat g rect[fill]").count(), 18, "18 cells");
  await assertAccessible(page, "flat");
  await close(page);
  await plain.close();
});

test("accessible, dark and light, wide and narrow", async () => {
  for (const look of LOOKS) {
    const page = await open(browser, pack(), look);
    feed({ soc: 71, current: 80 });
    await untilDrawn(page, "live", (d) => d.state === "live" && d.soc === "71");
    await assertAccessible(page, look.name);
    assert.match(await page.locator("canvas").getAttribute("aria-label"), /charge 71 %, discharging/);
    await assertFits(page, look.name);
    await shoot(page, `pack-${look.name}`);
    await close(page);
  }
});

const stats = (page) => page.evaluate(() => document.getElementById("stage").stats());

test("without motion it draws only what changes; the arrow keys turn it", async () => {
  const page = await open(browser, pack());
  feed({ soc: 71, current: 80 });
  await untilDrawn(page, "live", (d) => d.state === "live" && d.soc === "71");
  await until("it rests", async () => (await stats(page))?.isRunning === false);
  const nFrames = async () => (await stats(page)).nFrames;
  let before; // limits or a prediction that come late are changes too
  await until("no frame for 2 s, as nothing changes", async () => {
    before = await nFrames();
    await sleep(2000);
    return (await nFrames()) === before;
  });
  await page.locator("#view").focus();
  await page.keyboard.press("ArrowRight");
  await until("it turns", async () => (await nFrames()) > before);
  await close(page);
});

test("it turns by itself, until it is paused or hidden", async () => {
  const page = await open(browser, pack(), { isStill: false });
  feed({ soc: 71, current: 80 });
  await untilDrawn(page, "live", (d) => d.state === "live" && d.soc === "71");
  const begin = (await stats(page))?.nFrames ?? 0;
  const [{ nFrames, ratio, calls, triangles }, ms] = await until("it moves", async () => {
    const now = await stats(page);
    return now?.nFrames >= begin + N_FRAMES && now;
  });
  console.log(`${((1000 * (nFrames - begin)) / ms).toFixed(0)} frames/s in software (SwiftShader), ${ratio} of each pixel, ${calls} calls, ${triangles} triangles`);
  await page.locator("#pause").click();
  assert.equal(await page.locator("#pause").getAttribute("aria-pressed"), "true");
  await until("it rests", async () => (await stats(page))?.isRunning === false);
  await page.locator("#pause").click();
  await until("it moves again", async () => (await stats(page))?.isRunning === true);
  await page.emulateMedia({ reducedMotion: "reduce" });
  await until("it rests, as the system now asks", async () => (await stats(page))?.isRunning === false);
  await close(page);
});

test("a silent battery is grey and says for how long", async () => {
  const page = await open(browser, pack());
  for (const soc of [89, 88.5, 88]) { // from which it learns how often they come
    feed({ soc, current: 80 });
    await untilDrawn(page, "live", (d) => d.state === "live" && d.soc === String(soc));
  }
  assert.match(await text(page, "state"), /^Live/);
  await untilDrawn(page, "stale", (d) => d.state === "stale");
  assert.match(await text(page, "state"), /^No data for \d+ s/);
  assert.match(await text(page, "badge"), /was /);
  await untilDrawn(page, "grey", (d) => d.cellColor && Math.abs(parseInt(d.cellColor.slice(1, 3), 16) - parseInt(d.cellColor.slice(3, 5), 16)) < 40);
  await shoot(page, "pack-silent");
  feed({ soc: 87.5, current: 80 });
  const ms = await untilDrawn(page, "live again", (d) => d.state === "live" && d.soc === "87.5");
  console.log(`live again after ${ms.toFixed(0)} ms`);
  assert.match(await text(page, "state"), /^Live/);
  await close(page);
});

test("a battery that is not there, until it is", async () => {
  const page = await open(browser, `${stack.url}/battery/NOPE/3d`);
  await until("it says so", async () => /^No data: .*NOPE/.test(await text(page, "state")));
  stack.feed(record("NOPE", 1, { soc: 42 }));
  await untilDrawn(page, "it has come", (d) => d.soc === "42" && d.state === "live");
  await close(page, REFUSAL);
});
