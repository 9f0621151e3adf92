// SPDX-License-Identifier: MIT
// run.mjs TOOLS WORK TEST: one test file in a browser, beside tools that it starts itself. WORK is kept between runs: packages
// of npm, models. Ends with 77 and the reason where something is missing. EVTWIN_SHOTS=FOLDER: screenshots of every look.
// run.mjs TOOLS WORK pictures: the pictures of docs.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync, copyFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const [tools, work, name] = process.argv.slice(2).map((arg, i) => (i < 2 ? resolve(arg) : arg));

function skip(reason) {
  console.log(`skipped: ${reason}`);
  process.exit(77);
}

function run(command, args, options = {}) {
  const done = spawnSync(command, args, { encoding: "utf8", ...options });
  return { isGood: done.status === 0, text: done.error ? done.error.message : `${done.stdout}${done.stderr}`.trim() };
}

function findChromium() {
  const found = [process.env.EVTWIN_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => path && existsSync(path));
  return found || skip("there is no Chromium (apt install chromium, or set EVTWIN_CHROMIUM)");
}

// A folder that is made as a whole or not at all.
function made(folder, of, make) {
  const mark = join(folder, "made-of");
  if (existsSync(mark) && readFileSync(mark, "utf8") === of) return folder;
  rmSync(folder, { recursive: true, force: true });
  const half = `${folder}.half`;
  rmSync(half, { recursive: true, force: true });
  mkdirSync(half, { recursive: true });
  make(half);
  writeFileSync(join(half, "made-of"), of);
  renameSync(half, folder);
  return folder;
}

function installPackages(folder) {
  for (const file of ["package.json", "package-lock.json"]) copyFileSync(join(here, file), join(folder, file));
  const done = run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder });
  if (!done.isGood) skip(`npm cannot install playwright-core and axe-core: ${done.text.split("\n")[0]}`);
}

// As the demo does, or from few cars and by the contract, which is enough for tests.
const SMALL = ["--fleet", "12"];
const AS_DEMO = ["--fleet", "200", "--moments", "daily"];

function trainModels(folder, fleet) {
  const csv = join(folder, "fleet.csv");
  const recipe = fleet === AS_DEMO ? ["--recipe", "history", "--eol-soh", "80"] : [];
  for (const [tool, ...args] of [["evtwin-sim", "--until-eol", "--record-days", "10", ...fleet, "--seed", "1", "--csv", csv, "-q"],
    ["evtwin-train", "-q", csv, ...recipe, "--out", join(folder, "models"), "--seed", "1"]]) {
    const done = run(join(tools, tool), args);
    if (!done.isGood) throw new Error(`${tool}: ${done.text}`);
  }
}

process.env.EVTWIN_BROWSER = findChromium();
mkdirSync(work, { recursive: true });
const lock = readFileSync(join(here, "package-lock.json"), "utf8");
process.env.EVTWIN_PACKAGES = made(join(work, "packages"), lock, installPackages);
const version = run(join(tools, "evtwin-sim"), ["--version"]).text;
const [trained, fleet] = name === "pictures" ? ["trained-as-demo", AS_DEMO] : ["trained", SMALL];
process.env.EVTWIN_MODELS = join(made(join(work, trained), version, (folder) => trainModels(folder, fleet)), "models");
process.env.EVTWIN_TOOLS = tools;
await import(pathToFileURL(join(here, name === "pictures" ? "pictures.mjs" : `${name}.test.mjs`)));
