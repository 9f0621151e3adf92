// SPDX-License-Identifier: MIT
// names.test.mjs: any name of a battery in an address: those that can be, and those that cannot.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { assertAccessible, close, launch, LOOKS, open, REFUSAL } from "./browser.mjs";
import { record, Stack, until } from "./stack.mjs";

const ODD = ["3d", "A:b.C-d_9", "-", "0:0", `X${"y".repeat(49)}`]; // every character that a name may have
const NONE = ["NOPE", "A B é%3D \"x\"", "<img src=x onerror=alert(1)>", "?&#", "..%2f..", "Z".repeat(51), "%", "A,B"];

const stack = new Stack();
let browser;

before(async () => {
  stack.feed(...ODD.map((id, i) => record(id, 1, { soc: 41 + i })));
  await stack.startServer();
  await until("they are there", async () => (await stack.get("/api/batteries/list")).count === ODD.length);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await stack.stop();
});

test("from the fleet to each battery, and to its pack", async () => {
  const page = await open(browser, stack.url);
  for (const [i, id] of ODD.entries()) {
    await page.goto(stack.url);
    await page.locator("#rows").getByRole("link", { name: id, exact: true }).click();
    await page.locator("#tiles").getByText(`${41 + i}.0 %`).first().waitFor();
    assert.equal(page.url(), `${stack.url}/battery/${encodeURIComponent(id)}`);
    await page.getByRole("heading", { level: 1, name: id, exact: true }).waitFor();
    await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "3D" }).click();
    await until(`the pack of ${id}`, () => page.evaluate((soc) => document.getElementById("stage")?.dataset.soc === soc, String(41 + i)));
  }
  await close(page);
});

for (const end of ["", "/3d"]) {
  test(`a battery that is not there is said so, with its name as text: /battery/ID${end}`, async () => {
    for (const id of NONE) {
      const page = await open(browser, `${stack.url}/battery/${encodeURIComponent(id)}${end}`);
      const said = () => page.locator("body").innerText();
      await until(`it says so of ${id}`, async () => /no (such )?battery|no data: |not a (battery|name)/i.test(await said())).catch(async (error) => {
        throw new Error(`${error.message}; it says: ${await said()}`);
      });
      assert.ok((await page.locator("body").innerText()).includes(id), `it names ${id}`);
      assert.equal(await page.locator("img[src=x]").count(), 0);
      await close(page, REFUSAL);
    }
  });
}

test("an address of no page is refused in words", async () => {
  for (const path of [`/battery/${encodeURIComponent("A/B <b>")}`, "/battery/OURS_1/4d", "/nothing", "/battery/"]) {
    const page = await open(browser, stack.url + path);
    assert.match(await page.locator("body").innerText(), /there is nothing at/);
    assert.equal(await page.locator("body b").count(), 0);
    await close(page, REFUSAL);
  }
});

test("accessible, and from there to all batteries", async () => {
  for (const look of LOOKS) {
    const page = await open(browser, `${stack.url}/battery/NOPE`, look);
    await page.getByRole("heading", { name: /no battery NOPE/ }).waitFor();
    await assertAccessible(page, look.name);
    await page.locator("main").getByRole("link", { name: /all batteries/i }).click();
    await page.locator("#rows [data-id]").first().waitFor();
    await close(page, REFUSAL);
  }
});
