// SPDX-License-Identifier: MIT
// app.js: the fleet page. Data goes into the document as text only.

import { chart, duration, element, into } from "/chart.js";

const POLL_MS = 2000;
const HISTORY_MS = 6000;
const TIMEOUT_MS = 15000;
const THRESHOLDS_MS = 60000;
const PAGE_SIZE = 50;
const LEVELS = ["CRITICAL", "WARNING", "NORMAL"];
const MARK = { CRITICAL: "■", WARNING: "▲", NORMAL: "●" };

const by = (id) => document.getElementById(id);

function decodeHash() {
  try {
    return decodeURIComponent(location.hash.slice(1)) || null;
  } catch {
    return null;
  }
}

const state = {
  batteries: [],
  summary: {},
  show: "ALL",
  filter: "",
  sort: "status",
  reversed: false,
  page: 0,
  open: decodeHash(), // battery_id whose history is shown; the address can name it
  isRevealed: false, // the page of the one that the address names was turned to
  thresholds: [],
};

// ---- values -------------------------------------------------------------------------------

const isNumber = (v) => typeof v === "number" && Number.isFinite(v);
const show = (v, decimals, unit) => (isNumber(v) ? `${v.toFixed(decimals).replace("-", "−")}${unit}` : "–");
const statusOf = (b) => b.health.status;
const isSilent = (b) => b.health.silent;
const isUnknown = (b) => isSilent(b) && statusOf(b) === "NORMAL"; // silence is no good news
const isUnpredicted = (b) => b.health.no_predictions_for_s !== null;

// A clock may be ahead of the server's.
function agoText(age) {
  if (!isNumber(age)) return "unknown";
  return age < -5 ? `${duration(-age)} ahead` : age < 1.5 ? "now" : `${duration(age)} ago`;
}

function flowText(b) {
  if (!isNumber(b.current)) return "";
  if (b.is_charging || b.current < -0.05) return "charging";
  return b.current > 0.05 ? "discharging" : "idle";
}

// The value that a limit is about; a prediction is the one that stands.
const valueOf = (b, quantity) => (b.prediction && quantity in b.prediction ? b.prediction : b)[quantity];

const isBroken = (limit, value) => isNumber(value) && (limit.operator === "<" ? value < limit.limit : value > limit.limit);

// How a value is coloured: by the strictest band of the server's that it is in; by the limits of status and alerts where
// the quantity has no bands.
function levelOf(quantity, value) {
  const limits = state.thresholds.filter((t) => t.quantity === quantity);
  const bands = limits.filter((t) => t.kind === "display");
  const broken = (bands.length > 0 ? bands : limits).filter((t) => isBroken(t, value)).map((t) => t.level);
  return isNumber(value) ? LEVELS.find((level) => broken.includes(level)) || "NORMAL" : "";
}

// A small risk is not none.
const riskText = (risk) => (risk > 0 && risk < 0.0005 ? "< 0.1 %" : `${(100 * risk).toFixed(1)} %`);

// Why there is no number: never shown as 0.
const unknownText = (b) => (b.prediction ? "unknown" : "waiting");

const noteOf = (b) => ((b.prediction && b.prediction.prediction_note) || "").replace(/^unknown, /, "");

// ---- reasons ------------------------------------------------------------------------------

// Quantities as people call them: name, unit, what a value is multiplied by, and its decimals.
const QUANTITIES = {
  soc: ["charge", " %", 1, 1], soh: ["health", " %", 1, 1], temperature: ["temperature", " °C", 1, 1],
  rul_prediction: ["RUL", " cycles", 1, 0], failure_probability: ["failure risk", " %", 100, 1],
};

// "soc 15.4 was < 15 (until 17)": "charge 15.4 % was below 15 % (until 17 %)".
function reasonWords(reason, b) {
  const parts = /^(\w+) (\S+) (was )?([<>]) (\S+)(?: \((?:until (\S+)|(.*))\))?$/.exec(reason);
  if (!parts) return reason;
  const [, quantity, given, was, operator, limit, until, more] = parts;
  const [name, unit, factor, decimals] = QUANTITIES[quantity] || [quantity, "", 1, 6];
  const number = (v, digits) => `${Number((factor * v).toFixed(digits))}`.replace("-", "−");
  const value = isNumber(valueOf(b, quantity)) ? valueOf(b, quantity) : Number(given);
  const short = number(value, decimals);
  const shown = short === number(Number(limit), 6) ? number(value, 6) : short; // it shows the side it is on
  const rest = until ? ` (until ${number(Number(until), 6)}${unit})` : more ? ` (${more})` : "";
  return `${name} ${shown}${unit} ${was || ""}${operator === "<" ? "below" : "above"} ${number(Number(limit), 6)}${unit}${rest}`;
}

const reasonText = (b) => b.health.reasons.map((reason) => reasonWords(reason, b)).join("\n");

// ---- columns ------------------------------------------------------------------------------

function button(className, text, onClick) {
  const e = element("button", className, text, { type: "button" });
  e.addEventListener("click", onClick);
  return e;
}

function set(e, property, value) {
  if (e[property] !== value) e[property] = value;
}

const setText = (e, text) => set(e, "textContent", text);
const setClass = (e, className) => set(e, "className", className);

// Take over new values of the state, and show them.
function change(values) {
  Object.assign(state, values);
  draw();
}

// Each column: what it is called, what it sorts by, how its cell is made once (giving the parts that
// change) and filled often.
function barColumn(key, title, help) {
  return {
    key, title, help, value: (b) => b[key], className: "number",
    make(cell) {
      const parts = into(cell, { text: element("span", "figure"), bar: element("span", "bar", "", { "aria-hidden": "true" }) });
      return { ...parts, ...into(parts.bar, { level: element("span") }) };
    },
    fill(parts, b) {
      const v = b[key];
      setText(parts.text, show(v, 1, " %"));
      parts.level.style.width = isNumber(v) ? `${Math.min(100, Math.max(0, v))}%` : "0";
      setClass(parts.bar, `bar ${levelOf(key, v)}`);
    },
  };
}

const makeText = (cell) => into(cell, { text: element("span", "figure"), small: element("small") });

// text and small are given the value and its battery.
function textColumn(key, title, help, text, small) {
  const value = (b) => valueOf(b, key);
  return {
    key, title, help, value, className: "number",
    make: makeText,
    fill(parts, b) {
      setText(parts.text, text(value(b), b));
      setText(parts.small, small ? small(value(b), b) : "");
      setClass(parts.text, `figure ${levelOf(key, value(b))}`);
    },
  };
}

const columns = [
  {
    key: "battery_id", title: "Battery", value: (b) => b.battery_id, className: "name",
    make: (cell) => into(cell, { button: button("link", "", (event) => toggle(event.currentTarget.textContent)) }),
    fill(parts, b) {
      setText(parts.button, b.battery_id);
      parts.button.title = b.battery_id;
      parts.button.setAttribute("aria-expanded", String(state.open === b.battery_id));
    },
  },
  {
    key: "status", title: "Status", className: "status",
    value: (b) => b.rank, // the server's order: the worst first
    make: (cell) => into(cell, {
      badge: element("span"),
      charging: element("span", "mark", "⚡ needs charging"),
      service: element("span", "mark", "✚ needs service"),
      silent: element("span", "mark silent"),
      reason: element("small"),
    }),
    fill(parts, b) {
      setText(parts.badge, isUnknown(b) ? `○ was ${statusOf(b)}` : `${MARK[statusOf(b)] || "?"} ${statusOf(b)}`);
      setClass(parts.badge, `badge ${isUnknown(b) ? "UNKNOWN" : statusOf(b)}`);
      set(parts.charging, "hidden", !b.health.needs_charging);
      set(parts.service, "hidden", !b.health.needs_service);
      set(parts.silent, "hidden", !isSilent(b));
      setText(parts.silent, `◌ silent for ${duration(Math.abs(b.health.record_age_s))}`);
      setText(parts.reason, reasonText(b));
    },
  },
  barColumn("soc", "Charge", "State of charge"),
  barColumn("soh", "Health", "State of health"),
  textColumn("rul_prediction", "RUL", "Remaining useful life in cycles, ± the model's held-out error",
    (rul, b) => (isNumber(rul) ? rul.toFixed(0) : unknownText(b)),
    (rul, b) => (!isNumber(rul) ? noteOf(b)
      : isNumber(b.prediction.rul_error) ? `± ${b.prediction.rul_error.toFixed(0)} cycles` : "cycles")),
  textColumn("failure_probability", "Failure risk", "Predicted probability of failure, and when it was predicted",
    (risk, b) => (isNumber(risk) ? riskText(risk) : unknownText(b)),
    (risk, b) => (b.prediction ? `predicted ${agoText(b.prediction.age_s)}` : "")),
  textColumn("temperature", "Temperature", "", (v) => show(v, 1, " °C")),
  textColumn("voltage", "Voltage", "", (v) => show(v, 1, " V")),
  textColumn("current", "Current", "Positive current discharges", (v) => show(v, 1, " A"), (v, b) => flowText(b)),
  textColumn("charge_cycles", "Cycles", "", (v) => show(v, 0, "")),
  {
    key: "time", title: "Last seen", value: (b) => b.health.record_age_s, className: "number",
    make: makeText,
    fill(parts, b) {
      setText(parts.text, agoText(b.health.record_age_s));
      parts.text.title = `record of ${b.time}`;
      setText(parts.small, isSilent(b) ? "no recent data" : "");
    },
  },
];

// ---- which batteries, in which order ------------------------------------------------------

function matches(b) {
  if (!TILES[state.show].has(b)) return false;
  const wanted = state.filter.toLowerCase();
  return !wanted || b.battery_id.toLowerCase().includes(wanted) ||
    b.health.reason.toLowerCase().includes(wanted) || reasonText(b).replaceAll(" ", " ").includes(wanted);
}

const inIdOrder = new Intl.Collator("en", { numeric: true }).compare;

function compare(a, b) {
  const column = columns.find((c) => c.key === state.sort) || columns[0];
  const x = column.value(a);
  const y = column.value(b);
  const sign = state.reversed ? -1 : 1;
  if (typeof x === "string" && typeof y === "string") return sign * inIdOrder(x, y);
  if (isNumber(x) !== isNumber(y)) return isNumber(x) ? -1 : 1; // unknown last, either way
  return (isNumber(x) && x !== y ? sign * (x - y) : 0) || inIdOrder(a.battery_id, b.battery_id);
}

// ---- drawing ------------------------------------------------------------------------------

const slots = []; // rows of the table and the parts of their cells, made once and filled again and again
const detail = { row: element("tr", "detail", "", { role: "row" }), charts: element("div", "charts"), facts: element("dl") };
const detailCell = element("td", "", "", { role: "cell", colspan: columns.length });
detailCell.append(detail.charts, detail.facts);
detail.row.append(detailCell);

function makeSlot() {
  const row = element("tr", "", "", { role: "row" });
  const cells = columns.map((column, i) => {
    const cell = i === 0 ? element("th", column.className, "", { role: "rowheader", scope: "row" })
      : element("td", column.className, "", { role: "cell" });
    cell.dataset.label = column.title;
    row.append(cell);
    return column.make(cell);
  });
  row.addEventListener("click", (event) => {
    if (!event.target.closest("button") && !String(getSelection())) cells[0].button.click();
  });
  return { row, cells };
}

function drawRows(batteries) {
  const body = by("rows");
  while (slots.length < batteries.length) slots.push(makeSlot());
  slots.forEach((slot, i) => {
    const b = batteries[i];
    if (!b) {
      slot.row.remove();
      return;
    }
    columns.forEach((column, c) => column.fill(slot.cells[c], b));
    setClass(slot.row, `${isUnknown(b) ? "UNKNOWN" : statusOf(b)}${isSilent(b) ? " silent" : ""}${isUnpredicted(b) ? " unpredicted" : ""}${state.open === b.battery_id ? " open" : ""}`);
    if (!slot.row.isConnected) body.append(slot.row);
  });
  const open = batteries.findIndex((b) => b.battery_id === state.open);
  if (open < 0) {
    detail.row.remove();
  } else {
    if (slots[open].row.nextSibling !== detail.row) slots[open].row.after(detail.row);
    drawFacts(batteries[open]);
  }
}

// The tiles: the server's count, what it is called, and the batteries that it shows.
const TILES = {
  ALL: { count: "batteries", name: "batteries", has: () => true },
  CRITICAL: { count: "critical", name: "critical", has: (b) => statusOf(b) === "CRITICAL" },
  WARNING: { count: "warning", name: "warning", has: (b) => statusOf(b) === "WARNING" },
  NORMAL: { count: "normal", name: "normal", has: (b) => statusOf(b) === "NORMAL" && !isSilent(b) },
  SILENT: { count: "silent", name: "silent", has: isSilent },
  CHARGING: { count: "needs_charging", name: "⚡ need charging", has: (b) => b.health.needs_charging },
  SERVICE: { count: "needs_service", name: "✚ need service", has: (b) => b.health.needs_service },
};

function drawSummary() {
  for (const [key, tile] of Object.entries(summary)) {
    const count = state.summary[TILES[key].count];
    setText(tile.count, String(count));
    setText(tile.label, key === "ALL" && count === 1 ? "battery" : TILES[key].name);
    tile.button.setAttribute("aria-pressed", String(state.show === key));
    tile.button.classList.toggle("zero", count === 0);
  }
  const { notice } = state.summary;
  by("notice").hidden = !notice;
  setText(by("notice"), notice && `${notice[0].toUpperCase()}${notice.slice(1)}. Health and values shown are the last known.`);
}

function draw() {
  const has = state.batteries.length > 0;
  by("fleet-view").hidden = !has;
  if (!has) return;
  drawSummary();
  const found = state.batteries.filter(matches).sort(compare);
  const pages = Math.max(1, Math.ceil(found.length / PAGE_SIZE));
  if (!state.isRevealed) {
    state.isRevealed = true;
    state.page = Math.max(0, Math.floor(found.findIndex((b) => b.battery_id === state.open) / PAGE_SIZE));
    if (state.open) loadHistory();
  }
  state.page = Math.min(state.page, pages - 1);
  drawRows(found.slice(state.page * PAGE_SIZE, (state.page + 1) * PAGE_SIZE));
  by("none").hidden = found.length > 0;
  by("pager").hidden = pages === 1;
  setText(by("page"), `Page ${state.page + 1} of ${pages}`);
  by("back").disabled = state.page === 0;
  by("next").disabled = state.page === pages - 1;
  setText(by("shown"), found.length === state.batteries.length ? "" : `${found.length} of ${state.batteries.length} shown`);
  for (const head of by("head").children) {
    const isSorted = head.dataset.key === state.sort;
    if (isSorted) head.setAttribute("aria-sort", state.reversed ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
  by("sort").value = state.sort;
  setText(by("direction"), state.reversed ? "↓" : "↑");
}

// ---- one battery's history ----------------------------------------------------------------

const timeText = (time) => `${time.slice(0, 19).replace("T", " ")} UTC`;

function drawFacts(b) {
  const p = b.prediction;
  const facts = [
    ["Power", show(b.power_consumption, 0, " W")],
    ["Resistance", show(b.resistance_mohm, 1, " mΩ")],
    ["Mean temperature", show(b.mean_temperature, 1, " °C")],
    ["Throughput", show(b.throughput_ah_per_day, 1, " Ah/day")],
    [statusOf(b), b.health.since ? `since ${timeText(b.health.since)}` : "since an unknown time"],
    ["Prediction", p ? `made ${agoText(p.age_s)}, for the record of ${timeText(p.time)}` : "none yet"],
    ["Model", (p && p.model_version) || "–"],
  ];
  if (noteOf(b)) facts.push(["Note", noteOf(b)]);
  while (detail.facts.children.length > facts.length) detail.facts.lastChild.remove();
  facts.forEach(([name, value], i) => {
    let item = detail.facts.children[i];
    if (!item) {
      item = element("div");
      item.append(element("dt"), element("dd"));
      detail.facts.append(item);
    }
    setText(item.firstChild, name);
    setText(item.lastChild, value);
  });
}

async function loadHistory() {
  const id = state.open;
  const b = state.batteries.find((one) => one.battery_id === id);
  if (!b) return;
  const query = new URLSearchParams({ battery_id: id, hours: "8784", until: b.time, limit: "500" });
  try {
    const answer = await get(`/api/battery/history?${query}`);
    if (state.open !== id) return;
    const rows = answer.data.reverse();
    const line = (key, scale) => rows.map((r) => ({ t: Date.parse(r.time), v: isNumber(r[key]) ? r[key] * (scale || 1) : null }));
    detail.charts.replaceChildren(
      chart("Charge", " %", line("soc"), 1, 1),
      chart("Temperature", " °C", line("temperature"), 1, 1),
      chart("Voltage", " V", line("voltage"), 1, 1),
      chart("RUL", "", line("rul_prediction"), 0, 10),
      chart("Failure risk", " %", line("failure_probability", 100), 1, 1));
  } catch (error) {
    if (state.open === id) detail.charts.replaceChildren(element("p", "muted", `No history: ${error.message}`));
  }
}

function toggle(id) {
  state.open = state.open === id ? null : id;
  history.replaceState(null, "", state.open ? `#${encodeURIComponent(id)}` : location.pathname);
  detail.charts.replaceChildren(element("p", "muted", "Loading the history…"));
  draw();
  loadHistory();
}

// ---- talking to the server ----------------------------------------------------------------

async function get(path) {
  const response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
  const answer = await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.message || `HTTP ${response.status}`), { isAnswer: true });
  return answer;
}

function setLive(className, text) {
  setClass(by("live"), className);
  setText(by("live-text"), text);
}

function setBanner(text) {
  by("banner").hidden = !text;
  setText(by("banner"), text);
}

let lastGood = 0;
let lastThresholds = 0;
let timer = 0;
let isPolling = false;

function fail(error) {
  const isGone = !error.isAnswer;
  setLive("lost", isGone ? "Not connected" : "No data");
  if (state.batteries.length === 0) {
    setBanner(isGone ? "The server does not answer. Trying again…" : "");
    by("empty").hidden = isGone;
    setText(by("empty-title"), "The store cannot be read yet");
    setText(by("empty-text"), `The server says: ${error.message}.`);
    return;
  }
  const since = duration((Date.now() - lastGood) / 1000);
  setBanner(isGone
    ? `Connection lost. The values below are ${since} old; trying again…`
    : `The server says: ${error.message}. The values below are ${since} old.`);
}

async function refresh() {
  let answer;
  try {
    if (!(Date.now() - lastThresholds < THRESHOLDS_MS)) {
      state.thresholds = (await get("/api/thresholds")).thresholds;
      lastThresholds = Date.now();
    }
    answer = await get("/api/batteries/list");
  } catch (error) {
    fail(error);
    return;
  }
  state.batteries = answer.batteries.map((b, rank) => ({ ...b, rank }));
  state.summary = answer.summary;
  lastGood = Date.now();
  setBanner("");
  setLive(answer.summary.notice ? "late" : "live", answer.summary.notice ? "Not all is live" : "Live");
  by("empty").hidden = answer.count > 0;
  setText(by("empty-title"), "No batteries yet");
  setText(by("empty-text"), "The store is there, but nothing has been recorded in it.");
  draw();
}

async function poll() {
  if (isPolling) return;
  isPolling = true;
  clearTimeout(timer);
  const start = performance.now();
  try {
    await refresh();
  } finally {
    isPolling = false;
    // a large fleet is polled less often, so that the page never takes most of a core
    const took = performance.now() - start;
    if (!document.hidden) timer = setTimeout(poll, Math.max(POLL_MS, 4 * took));
  }
}

// ---- controls -----------------------------------------------------------------------------

const summary = {};
for (const key of Object.keys(TILES)) {
  const tile = button(`tile ${key}`, "", () => change({ show: state.show === key ? "ALL" : key, page: 0 }));
  summary[key] = { button: tile, ...into(tile, { count: element("strong"), label: element("span") }) };
  by("summary").append(tile);
}

const sortBy = (key) => change({ reversed: state.sort === key && !state.reversed, sort: key, page: 0 });

for (const column of columns) {
  const head = element("th", column.className, "", { scope: "col", role: "columnheader", "data-key": column.key });
  const sorter = button("", column.title, () => sortBy(column.key));
  if (column.help) sorter.title = column.help;
  head.append(sorter);
  by("head").append(head);
  by("sort").append(element("option", "", column.title, { value: column.key }));
}

by("sort").addEventListener("change", (event) => change({ sort: event.target.value, reversed: false }));
by("direction").addEventListener("click", () => sortBy(state.sort));
by("filter").addEventListener("input", (event) => change({ filter: event.target.value.trim(), page: 0 }));
by("clear").addEventListener("click", () => {
  by("filter").value = "";
  change({ filter: "", show: "ALL" });
});
by("back").addEventListener("click", () => change({ page: state.page - 1 }));
by("next").addEventListener("click", () => change({ page: state.page + 1 }));

document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else poll();
});
setInterval(() => {
  if (state.open && !document.hidden) loadHistory();
}, HISTORY_MS);

poll();
