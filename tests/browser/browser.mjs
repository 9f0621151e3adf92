// SPDX-License-Identifier: MIT
// browser.mjs: a Chromium without a window, pages that keep what their consoles said, and axe.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.EVTWIN_PACKAGES, "package.json"));
const { chromium } = require("playwright-core");
const axePath = require.resolve("axe-core/axe.min.js");

const WEBGL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]; // without a graphics card
const NO_WEBGL = ["--disable-gpu", "--disable-3d-apis"];

export function launch({ hasWebgl = true } = {}) {
  const args = ["--no-sandbox", ...(hasWebgl ? WEBGL : NO_WEBGL)];
  return chromium.launch({ executablePath: process.env.EVTWIN_BROWSER, args });
}

// What pages look like to whom: every page has to be right in each. The last two are a phone's.
export const LOOKS = [["dark", 1366, 800], ["light", 1366, 800], ["dark", 390, 844], ["light", 390, 844]]
  .map(([scheme, width, height]) => ({ scheme, width, height, name: `${scheme}-${width}` }));

/** A page of its own; page.said is what its console, its errors and its policy said. */
export async function open(browser, url, { width = 1366, height = 800, scheme = "dark", isStill = true } = {}) {
  const context = await browser.newContext({
    viewport: { width, height }, colorScheme: scheme, reducedMotion: isStill ? "reduce" : "no-preference",
  });
  const page = await context.newPage();
  page.said = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && page.said.push(`${message.type()}: ${message.text()} (${message.location().url})`));
  page.on("pageerror", (error) => page.said.push(`error: ${error.stack}`));
  await page.exposeFunction("tellViolation", (text) => page.said.push(`policy: ${text}`));
  await page.addInitScript(() => addEventListener("securitypolicyviolation", (event) =>
    globalThis.tellViolation(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`)));
  await page.goto(url);
  return page;
}

// What the browser itself says of a server that was killed on purpose, and of answers that refuse on purpose.
export const OUTAGE = /net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING)/;
export const REFUSAL = /Failed to load resource: the server responded with a status of 40[014]/;

/** The end of a page: it must have said nothing, but for what is expected. */
export async function close(page, expected = null) {
  assert.deepEqual(page.said.filter((line) => !expected || !expected.test(line)), [], "no error, warning or violation of the policy");
  await page.context().close();
}

/** No serious finding of axe, as the page now is. */
export async function assertAccessible(page, what) {
  await page.evaluate(readFileSync(axePath, "utf8")); // not as a script of the page, which its policy forbids
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const serious = violations.filter((v) => ["serious", "critical"].includes(v.impact));
  assert.deepEqual(serious.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join(", ")}: ${v.help}`), [], `axe: ${what}`);
}

/** Nothing is wider than the window, but for what scrolls by itself. */
export async function assertFits(page, what) {
  const wide = await page.evaluate(() => (document.documentElement.scrollWidth <= innerWidth ? [] :
    [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
      .map((e) => `${e.tagName} #${e.id} .${e.className}`).slice(0, 8)));
  assert.deepEqual(wide, [], `wider than the page: ${what}`);
}

/** A picture for docs, if it was asked for. */
export async function shoot(page, name) {
  if (!process.env.EVTWIN_SHOTS) return;
  mkdirSync(process.env.EVTWIN_SHOTS, { recursive: true });
  await page.screenshot({ path: join(process.env.EVTWIN_SHOTS, `${name}.png`) });
}
