// SPDX-License-Identifier: MIT
// api.test.mjs: the page of the API: every path of the description, with its parameters and answers.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { assertAccessible, assertFits, close, launch, LOOKS, open, shoot } from "./browser.mjs";
import { record, Stack, until } from "./stack.mjs";

const stack = new Stack();
let browser;

before(async () => {
  stack.feed(record("OURS_1", 1));
  await stack.startServer();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await stack.stop();
});

async function openApi(options, hash = "") {
  const page = await open(browser, `${stack.url}/api${hash}`, options);
  await page.locator("#endpoints article").first().waitFor();
  return page;
}

test("every path, parameter, answer and schema is there", async () => {
  const page = await openApi();
  const description = await stack.get("/openapi.json");
  const articles = await page.locator("#endpoints article").evaluateAll((all) => all.map((e) => ({ title: e.querySelector("h3").textContent, text: e.textContent })));
  const resolved = (node) => (node.$ref ? node.$ref.slice(2).split("/").reduce((at, key) => at[key], description) : node);
  let n = 0;
  for (const [path, item] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const found = articles.filter((a) => a.title === `${method.toUpperCase()}${path}`);
      assert.equal(found.length, 1, `${method} ${path}`);
      for (const p of operation.parameters || []) assert.ok(found[0].text.includes(resolved(p).name), `${path}: ${resolved(p).name}`);
      for (const code of Object.keys(operation.responses)) assert.ok(found[0].text.includes(code), `${path}: ${code}`);
      n++;
    }
  }
  assert.equal(articles.length, n, "and nothing else");
  console.log(`the page of the API: ${n} endpoints`);
  for (const name of Object.keys(description.components.schemas)) assert.equal(await page.locator(`[id="schema-${name}"]`).count(), 1, name);
  const broken = await page.evaluate(() => [...document.querySelectorAll("main a[href^='#']")].map((a) => a.hash).filter((hash) => !document.getElementById(hash.slice(1))));
  assert.deepEqual(broken, [], "every link leads somewhere");
  await close(page);
});

test("a link into it, and from it to an endpoint", async () => {
  const page = await openApi({}, "");
  const link = page.locator("#contents a").last();
  const hash = await link.getAttribute("href");
  await link.click();
  await page.locator(hash).waitFor();
  await close(page);
  const direct = await openApi({}, hash);
  assert.ok(await direct.locator(hash).evaluate((e) => Math.abs(e.getBoundingClientRect().top) < innerHeight), "the address leads to its place");
  const address = await direct.locator("#endpoints").getByRole("link", { name: "/api/thresholds", exact: true }).getAttribute("href");
  assert.equal((await stack.get(address)).status, "success", "an endpoint that needs no parameter is a link");
  await close(direct);
});

test("what breaks the policy is seen", async () => {
  const page = await openApi();
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "globalThis.isBroken = true";
    document.body.append(script);
  });
  await until("it is told", () => page.said.some((line) => line.startsWith("policy: script-src")));
  assert.equal(await page.evaluate(() => globalThis.isBroken), undefined, "and has not run");
  await assert.rejects(close(page), /policy/);
});

test("accessible, dark and light, wide and narrow", async () => {
  for (const look of LOOKS) {
    const page = await openApi(look);
    await assertAccessible(page, look.name);
    await assertFits(page, look.name);
    await shoot(page, `api-${look.name}`);
    await close(page);
  }
});
