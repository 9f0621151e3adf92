// SPDX-License-Identifier: MIT
// fleet.js: the fleet page. Data goes into the document as text only.

import { getJson, getThresholds } from "../shared/api.js";
import { button, by, element, into, set, setClass, setText } from "../shared/dom.js";
import { connect } from "../shared/live.js";
import { flowOfSummary, mountShell } from "../shared/shell.js";
import {
  agoText, duration, flowText, isNumber, isSilent, isUnknown, isUnpredicted, levelOf, MARK, noteOf, reasonText, riskText,
  show, statusOf, unknownText, valueOf,
} from "../shared/values.js";


const PAGE_SIZE = 50;

const state = {
  batteries: [],
  summary: {},
  show: "ALL",
  filter: "",
  sort: "status",
  reversed: false,
  page: 0,
  thresholds: [],
};

// ---- columns ------------------------------------------------------------------------------

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
      setClass(parts.bar, `bar ${levelOf(state.thresholds, key, v)}`);
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
      setClass(parts.text, `figure ${levelOf(state.thresholds, key, value(b))}`);
    },
  };
}

const columns = [
  {
    key: "battery_id", title: "Battery", value: (b) => b.battery_id, className: "name",
    make: (cell) => into(cell, { link: element("a", "link") }),
    fill(parts, b) {
      setText(parts.link, b.battery_id);
      parts.link.href = `/battery/${encodeURIComponent(b.battery_id)}`;
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

function makeSlot() {
  const row = element("tr", "", "", { role: "row" });
  const cells = columns.map((column, i) => {
    const cell = i === 0 ? element("th", column.className, "", { role: "rowheader", scope: "row" })
      : element("td", column.className, "", { role: "cell" });
    cell.dataset.label = column.title;
    row.append(cell);
    return column.make(cell);
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
    setClass(slot.row, `${isUnknown(b) ? "UNKNOWN" : statusOf(b)}${isSilent(b) ? " silent" : ""}${isUnpredicted(b) ? " unpredicted" : ""}`);
    if (!slot.row.isConnected) body.append(slot.row);
  });
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
}

function draw() {
  const has = state.batteries.length > 0;
  by("fleet-view").hidden = !has;
  if (!has) return;
  drawSummary();
  const found = state.batteries.filter(matches).sort(compare);
  const pages = Math.max(1, Math.ceil(found.length / PAGE_SIZE));
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

const shell = mountShell({ title: "Battery fleet" });

async function refresh(signal) {
  state.thresholds = await getThresholds({ signal });
  const answer = await getJson("/api/batteries/list", { signal });
  state.batteries = answer.batteries.map((b, rank) => ({ ...b, rank }));
  state.summary = answer.summary;
  shell.setFlow(flowOfSummary(answer.summary));
  by("empty").hidden = answer.count > 0;
  draw();
}

connect({ isPolled: true, poll: refresh, onState: shell.setState });
