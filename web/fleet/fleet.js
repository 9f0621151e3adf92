// SPDX-License-Identifier: MIT
// fleet.js: the fleet: what needs attention first, all batteries at a glance, and the list of them.

import { getJson, getThresholds } from "../shared/api.js";
import { button, by, element, into, setAttribute, setClass, setText } from "../shared/dom.js";
import { connect } from "../shared/live.js";
import { flowOfSummary, mountShell } from "../shared/shell.js";
import { agoText, isNumber, QUANTITIES } from "../shared/values.js";
import { readAddress, writeAddress } from "./address.js";
import { makeFirst, N_FIRST } from "./first.js";
import { makeList } from "./list.js";
import { ageOf, GROUPS, matches, sorted, takeMap, takeRow } from "./model.js";
import { COLUMNS, fillRow, makeRow } from "./row.js";
import { COLOURS, makeStrip } from "./strip.js";
import { makeTrends } from "./trends.js";

const POLL_MS = 1500;
const MAP_MS_PER_BATTERY = 2; // the map of 2,000 batteries comes every 4 s
const MAX_STREAMED = 300; // of a larger fleet the stream brings no rows: those on the screen are asked for
const FRESH_MS = 1200; // a row that the stream has brought is not asked for
const READING_MS = 5000; // the order holds still for so long after the last touch
const MAX_ROWS = 100; // in one question

const state = { ...readAddress(), batteries: new Map(), rows: new Map(), rowMs: new Map(), thresholds: [] };
let order = []; // batteries of the list, as it was sorted last
let worst = []; // all of them, the worst first, as they were sorted last
let mapMs = 0; // when the map was answered
let nextMapMs = 0; // when it is asked for again
let shownIds = [];
let touchedMs = 0;
let newest = Date.now();

const shell = mountShell({ title: "Battery fleet" });
const late_s = (id) => Math.max(0, (Date.now() - (state.rowMs.get(id) || mapMs)) / 1000);

// ---- parts --------------------------------------------------------------------------------

const fillFirst = makeFirst(by("first"));
const trends = makeTrends(by("trends"));
const strip = makeStrip({ box: by("strip"), legend: by("levels"), tip: by("tip"), onOpen: (id) => location.assign(`/battery/${encodeURIComponent(id)}`) });
const isNarrow = matchMedia("(max-width: 820px)");
const list = makeList({
  body: by("rows"),
  heights: () => (isNarrow.matches ? { row: 56, head: 32 } : { row: 58, head: 36 }),
  makeRow,
  fillRow(parts, id) {
    const b = state.batteries.get(id);
    if (b) fillRow(parts, b, state.rows.get(id), late_s(id), state.thresholds);
  },
  fillHead(cell, item) {
    setText(cell, `${item.title} · ${item.count}`);
    setClass(cell, item.group);
  },
  onWindow: (ids) => {
    const isNew = ids.some((id) => !state.rows.has(id));
    shownIds = ids;
    if (isNew) askSoon();
  },
});

const tiles = [{ key: "", title: "Batteries", level: "" }, ...GROUPS].map((group) => {
  const tile = button(`tile ${group.level}`, "", () => change({ group: state.group === group.key ? "" : group.key }));
  by("groups").append(tile);
  return { group, tile, ...into(tile, { count: element("strong"), title: element("span"), detail: element("small") }) };
});

const chips = new Map();

for (const [key, name] of Object.entries(COLOURS)) by("colour").append(element("option", "", name, { value: key }));
for (const column of COLUMNS) {
  const head = element("div", column.className, "", { role: "columnheader", "data-key": column.key });
  head.append(button("", column.title, () => sortBy(column.key), column.help ? { title: column.help } : {}));
  document.querySelector(".heads").append(head);
  by("sort").append(element("option", "", column.title, { value: column.key }));
}

// ---- order: it changes when the reader says so, or is elsewhere ---------------------------

function arrange() {
  const all = [...state.batteries.values()];
  worst = sorted(all, "need", false, state.thresholds);
  const found = (state.sort === "need" && !state.reversed ? worst : sorted(all, state.sort, state.reversed, state.thresholds)).filter((b) => matches(b, state));
  order = found.map((b) => b.id);
  const items = [];
  let group = "";
  for (const b of found) {
    if (state.sort === "need" && b.group !== group) {
      group = b.group;
      const { title, head, mark } = GROUPS.find((g) => g.key === group);
      items.push({ group, title: `${mark} ${head || title}`, count: found.filter((other) => other.group === group).length });
    }
    items.push({ id: b.id });
  }
  list.setItems(items);
  strip.set({ batteries: worst, thresholds: state.thresholds });
  newest = Date.now();
  by("resort").hidden = true;
}

// What is known no more leaves, and what is new waits at the end, until the order may change.
function arrangeLater() {
  const isHeld = Date.now() - touchedMs < READING_MS || list.hasFocus() ||
    (matchMedia("(hover: hover)").matches && (by("table").matches(":hover") || by("top").matches(":hover")));
  if (!isHeld || order.length === 0) {
    arrange();
    return;
  }
  const all = [...state.batteries.values()];
  const ids = sorted(all, state.sort, state.reversed, state.thresholds).filter((b) => matches(b, state)).map((b) => b.id);
  const isSame = ids.length === order.length && ids.every((id, i) => id === order[i]);
  by("resort").hidden = isSame || Date.now() - newest < READING_MS;
  strip.set({ batteries: worst, thresholds: state.thresholds });
}

// ---- drawing ------------------------------------------------------------------------------

function drawTiles() {
  const all = [...state.batteries.values()];
  const newestAge = all.map(ageOf).filter(isNumber).reduce((least, a) => Math.min(least, Math.abs(a)), Infinity);
  const age = agoText(newestAge);
  const critical = all.filter((b) => b.needs & 2 && b.status === "CRITICAL").length;
  for (const { group, tile, count, title, detail } of tiles) {
    const n = all.filter((b) => matches(b, { group: group.key })).length;
    setText(count, n.toLocaleString("en"));
    setText(title, group.key === "" && n === 1 ? "battery" : group.key === "" ? "batteries" : `${group.mark} ${group.title.toLowerCase()}`);
    setText(detail, group.key === "" ? `last record ${age}` : group.key === "service" && n > 0 ? `${critical} critical · ${age}` : age);
    setAttribute(tile, "aria-pressed", state.group === group.key);
    tile.classList.toggle("zero", n === 0);
  }
}

// A chip for each quantity of which a limit is broken somewhere.
function drawChips() {
  const counts = new Map();
  for (const b of state.batteries.values()) for (const quantity of b.broken) counts.set(quantity, (counts.get(quantity) || 0) + 1);
  if (state.broken && !counts.has(state.broken)) counts.set(state.broken, 0);
  for (const [quantity, n] of counts) {
    if (!chips.has(quantity)) {
      const chip = button("chip", "", () => change({ broken: state.broken === quantity ? "" : quantity }));
      chips.set(quantity, chip);
      by("broken").append(chip);
    }
    setText(chips.get(quantity), `${(QUANTITIES[quantity] || [quantity])[0]} ${n.toLocaleString("en")}`);
    setAttribute(chips.get(quantity), "aria-pressed", state.broken === quantity);
  }
  for (const [quantity, chip] of chips) chip.hidden = !counts.has(quantity);
  by("broken").hidden = counts.size === 0;
}

function drawControls() {
  if (document.activeElement !== by("q")) by("q").value = state.q;
  by("sort").value = state.sort;
  by("colour").value = state.colour;
  setText(by("direction"), state.reversed ? "↓" : "↑");
  for (const head of document.querySelectorAll(".heads > *")) {
    setAttribute(head, "aria-sort", head.dataset.key === state.sort ? (state.reversed ? "descending" : "ascending") : null);
  }
  const isSome = order.length < state.batteries.size;
  setText(by("shown"), isSome ? `${order.length.toLocaleString("en")} of ${state.batteries.size.toLocaleString("en")} shown` : "");
  setAttribute(by("table"), "aria-rowcount", order.length + 1);
  by("none").hidden = order.length > 0;
}

function drawFirst() {
  const needy = worst.filter((b) => b.group !== "fine").slice(0, N_FIRST);
  fillFirst(needy, state.rows, state.batteries.size, state.thresholds);
}

function drawAges() {
  const age = agoText((Date.now() - mapMs) / 1000);
  setText(by("first-age"), age);
  setText(by("map-age"), age);
  trends.drawAges();
}

function draw() {
  const has = state.batteries.size > 0;
  by("fleet-view").hidden = !has;
  if (!has) return;
  drawTiles();
  drawFirst();
  drawChips();
  drawControls();
  drawAges();
  if (state.batteries.size <= MAX_STREAMED) strip.set({ batteries: worst }); // as new as the rows
  list.draw();
}

// ---- what the server says -----------------------------------------------------------------

const mapEveryMs = () => Math.max(POLL_MS, MAP_MS_PER_BATTERY * state.batteries.size);

async function askMap(signal) {
  const map = await getJson("/api/fleet/map", { signal });
  mapMs = Date.now();
  takeMap(state.batteries, map, mapMs);
  nextMapMs = mapMs + mapEveryMs();
  shell.setFlow(flowOfSummary(map.summary));
  by("empty").hidden = map.count > 0;
  for (const id of state.rows.keys()) if (!state.batteries.has(id)) state.rows.delete(id);
  trends.setBatteries([...state.batteries.values()], state.thresholds, mapMs);
  arrangeLater();
}

function takeFull(row) {
  state.rows.set(row.battery_id, row);
  state.rowMs.set(row.battery_id, Date.now());
  const b = state.batteries.get(row.battery_id);
  if (b) takeRow(b, row, Date.now());
}

// The whole rows of what is on the screen; others are forgotten when there are many.
async function askRows(signal) {
  const wanted = [...new Set([...worst.slice(0, N_FIRST).map((b) => b.id), ...shownIds])]
    .filter((id) => state.batteries.has(id) && Date.now() - (state.rowMs.get(id) || 0) > FRESH_MS).slice(0, MAX_ROWS);
  if (wanted.length === 0) return;
  const answer = await getJson(`/api/fleet/rows?ids=${wanted.join(",")}`, { signal });
  for (const row of answer.batteries) takeFull(row);
  if (state.rows.size > 1000) {
    for (const id of state.rows.keys()) if (!wanted.includes(id)) state.rows.delete(id);
  }
}

async function refresh(signal) {
  state.thresholds = await getThresholds({ signal });
  if (Date.now() >= nextMapMs) await askMap(signal);
  if (shownIds.length === 0) {
    draw();
    list.drawNow();
    goToPlace();
  }
  await askRows(signal);
  draw();
  trends.refresh(signal).then(drawAges);
}

// Rows that scroll into view are asked for at once, not at the next poll.
let soon = 0;
function askSoon() {
  if (soon) return;
  soon = setTimeout(() => {
    soon = 0;
    askRows().then(() => {
      drawFirst();
      list.draw();
    }, () => {}); // the next poll says what is wrong
  }, 100);
}

// ---- controls -----------------------------------------------------------------------------

// What the reader changes: a new entry of the history, unless it is typed letter by letter.
function change(values, isNew = true) {
  Object.assign(state, values, { at: null });
  writeAddress(state, isNew);
  touchedMs = 0;
  arrange();
  strip.set({ colour: state.colour });
  draw();
}

const sortBy = (key) => change({ reversed: state.sort === key && !state.reversed, sort: key });

by("sort").addEventListener("change", (event) => change({ sort: event.target.value, reversed: false }));
by("colour").addEventListener("change", (event) => change({ colour: event.target.value }));
by("direction").addEventListener("click", () => sortBy(state.sort));
by("q").addEventListener("input", (event) => change({ q: event.target.value.trim() }, false));
by("clear").addEventListener("click", () => change({ q: "", group: "", broken: "" }));
by("resort").addEventListener("click", () => {
  arrange();
  draw();
});

// Escape goes back one step: the search, then what is shown.
addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.closest("input, select")) {
    event.preventDefault();
    by("q").focus();
  }
  if (event.key !== "Escape") return;
  strip.hide();
  if (state.q) {
    by("q").value = "";
    change({ q: "" });
  } else if (state.group || state.broken) {
    change({ group: "", broken: "" });
  }
});

by("rows").addEventListener("click", (event) => {
  const row = event.target.closest(".row");
  if (row && !event.target.closest("a") && !String(getSelection())) row.querySelector("a").click();
});
for (const type of ["scroll", "keydown", "pointerdown", "wheel"]) {
  addEventListener(type, () => { touchedMs = Date.now(); }, { passive: true });
}

// The place in the list is part of the address, so that Back, reload and a link come to it.
history.scrollRestoration = "manual";
let placing = 0;
addEventListener("scroll", () => {
  clearTimeout(placing);
  placing = setTimeout(() => {
    state.at = list.topId();
    writeAddress(state, false);
  }, 200);
}, { passive: true });

function goToPlace() {
  if (state.at) list.goTo(state.at);
}

addEventListener("popstate", () => {
  Object.assign(state, readAddress());
  by("q").value = state.q;
  arrange();
  strip.set({ colour: state.colour });
  draw();
  list.drawNow();
  if (state.at) goToPlace();
  else scrollTo(0, 0);
});

// ---- live ---------------------------------------------------------------------------------

strip.set({ colour: state.colour });
by("q").value = state.q;
if (isNarrow.matches) by("trends-box").open = false;
let frame = 0;
let connection = null;

function start(isLarge) {
  connection = connect({
    types: isLarge ? "summary,alert" : null,
    poll: refresh,
    pollMs: POLL_MS,
    isAlwaysPolled: true,
    onRow(row) {
      takeFull(row);
      frame = frame || requestAnimationFrame(() => {
        frame = 0;
        draw();
      });
    },
    onSummary: (summary) => shell.setFlow(flowOfSummary(summary)),
    onAlert() {
      nextMapMs = Math.min(nextMapMs, mapMs + mapEveryMs() / 2);
      trends.hasten();
    },
    onReset: () => { nextMapMs = 0; },
    onState(name, ms, error) {
      shell.setState(name, ms, error);
      draw(); // ages grow, whatever comes
      if (isLarge || state.batteries.size <= MAX_STREAMED) return;
      connection.close(); // too many rows for the stream
      start(true);
    },
  });
}

// A fleet that is known to be large never asks for all rows.
getJson("/api/fleet/map").then((map) => map.count > MAX_STREAMED, () => false).then(start);
