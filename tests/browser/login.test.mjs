// SPDX-License-Identifier: MIT
// login.test.mjs: a server with a token: every page asks for it once, and then works with a cookie, the stream too.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";

import { assertAccessible, assertFits, close, launch, LOOKS, open, REFUSAL, shoot } from "./browser.mjs";
import { record, Stack, until } from "./stack.mjs";

const TOKEN = randomBytes(24).toString("hex");
const stack = new Stack();
let browser;
let seq = 0;

const feed = (values) => stack.feed(record("OURS_1", ++seq, values));
const field = (page) => page.getByLabel(/token/i);
const button = (page) => page.getByRole("button", { name: /log in/i });

before(async () => {
  feed({ soc: 70 });
  await stack.startServer([], TOKEN);
  await until("a record", async () => (await stack.get("/api/batteries/list")).count === 1);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await stack.stop();
});

async function logIn(page, token) {
  await field(page).fill(token);
  await button(page).click();
}

async function assertCookie(page) {
  const cookies = await page.context().cookies();
  assert.deepEqual(cookies.map((c) => [c.httpOnly, c.sameSite]), [[true, "Strict"]], "one cookie, which no script and no other site has");
  assert.ok(!cookies[0].value.includes(TOKEN), "which is not the token");
  assert.equal(await page.evaluate(() => document.cookie), "");
  assert.equal(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage })), "{}");
}

// Addresses of the page's history, as the browser has it.
async function historyOf(page) {
  const session = await page.context().newCDPSession(page);
  const { entries } = await session.send("Page.getNavigationHistory");
  await session.detach();
  return entries.map((entry) => entry.url);
}

test("without the token there is nothing but the login, wherever one goes", async () => {
  for (const address of ["/", "/battery/OURS_1", "/battery/OURS_1/3d", "/api", "/login"]) {
    const page = await open(browser, stack.url + address);
    await field(page).waitFor();
    assert.doesNotMatch(await page.locator("body").innerText(), /OURS_1|70\.0/);
    assert.equal(await page.evaluate(() => fetch("/api/batteries/list").then((r) => r.status)), 401);
    assert.equal(await page.evaluate(() => fetch("/api/stream").then((r) => r.status)), 401);
    assert.deepEqual(await page.context().cookies(), []);
    await close(page, REFUSAL);
  }
});

test("a wrong token is refused in words, the right one goes on to what was asked for, with the stream", async () => {
  const page = await open(browser, `${stack.url}/battery/OURS_1`);
  await logIn(page, "0123456789abcdef0123456789abcdef");
  await page.getByText(/not the token of this server/i).waitFor();
  assert.deepEqual(await page.context().cookies(), []);
  assert.ok(await button(page).isEnabled(), "it can be tried again");

  const stream = page.waitForResponse((response) => response.url().includes("/api/stream"));
  await logIn(page, TOKEN);
  await page.locator("#tiles").getByText("70.0 %").first().waitFor();
  assert.equal(new URL(page.url()).pathname, "/battery/OURS_1");
  assert.equal((await stream).status(), 200);
  assert.match((await stream).headers()["content-type"], /^text\/event-stream/);
  await assertCookie(page);
  feed({ soc: 61 });
  await page.locator("#tiles").getByText("61.0 %").first().waitFor();

  for (const [address, shown] of [["/", "OURS_1"], ["/api", "/api/battery/latest"], ["/battery/OURS_1/3d", "61.0 %"]]) {
    await page.goto(stack.url + address);
    await page.getByText(shown).first().waitFor();
  }
  await close(page, REFUSAL);
});

test("an address with the token logs in at once, and keeps it from the address bar and the history", async () => {
  const page = await open(browser, `${stack.url}/login#${TOKEN}`);
  await page.locator("#rows [data-id]").first().waitFor();
  assert.equal(page.url(), `${stack.url}/`);
  assert.deepEqual((await historyOf(page)).filter((address) => address.includes(TOKEN)), []);
  assert.equal(await page.evaluate(() => document.referrer.length), 0);
  await assertCookie(page);
  await page.reload();
  await page.locator("#rows [data-id]").first().waitFor();
  await close(page);
});

test("one that ends with the token's server is asked for again", async () => {
  const page = await open(browser, `${stack.url}/login#${TOKEN}`);
  await page.locator("#rows [data-id]").first().waitFor();
  await page.context().clearCookies();
  await field(page).waitFor(); // the page asks for rows, and is refused
  await close(page, REFUSAL);
});

test("where reading is open, acknowledging leads to the login and back", async () => {
  const reading = new Stack();
  try {
    reading.feed(record("LOW_1", 1, { soc: 10 }));
    await reading.startServer(["--open-reads", "--alerts"], TOKEN);
    const alerts = async () => (await reading.get("/api/alerts/history?battery_id=LOW_1")).data;
    await until("an alert", async () => (await alerts()).some((a) => a.quantity === "soc"));
    const page = await open(browser, `${reading.url}/battery/LOW_1`);
    const acknowledge = page.getByRole("button", { name: /^Acknowledge: charge/ }).first();
    await acknowledge.click();
    await page.locator("#alerts").getByText(/Not acknowledged: this needs the token/).waitFor();
    assert.ok((await alerts()).every((a) => !a.acknowledged_at), "nothing has changed");
    await page.locator("#alerts").getByRole("button", { name: "Log in" }).click();
    await field(page).waitFor();
    await logIn(page, TOKEN);
    await until("back", () => new URL(page.url()).pathname === "/battery/LOW_1");
    await acknowledge.click();
    await page.locator("#alerts").getByText(/, acknowledged/).first().waitFor();
    assert.ok((await alerts()).some((a) => a.acknowledged_at), "it is acknowledged");
    await close(page, REFUSAL);
  } finally {
    await reading.stop();
  }
});

test("accessible, dark and light, wide and narrow", async () => {
  for (const look of LOOKS) {
    const page = await open(browser, `${stack.url}/login`, look);
    await logIn(page, "wrong");
    await page.getByText(/not the token of this server/i).waitFor();
    await assertAccessible(page, look.name);
    await assertFits(page, look.name);
    await shoot(page, `login-${look.name}`);
    await close(page, REFUSAL);
  }
});
