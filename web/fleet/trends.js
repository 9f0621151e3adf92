// SPDX-License-Identifier: MIT
// fleet/trends.js: the fleet in three pictures: health now, service due by date, alerts over time.

import { getJson } from "../shared/api.js";
import { element, into, setAttribute, setClass, setText } from "../shared/dom.js";
import { agoText, isNumber, levelOf, timeText } from "../shared/values.js";

const ASK_MS = 30000;
const SOON_MS = 3000;
const BINS = 14;
const ALERT_HOURS = 24;
const ALERT_BUCKETS = 24;

function makeTile(box, title) {
  const figure = element("figure", "trend");
  const parts = into(figure, {
    caption: element("figcaption"), bars: element("div", "bars", "", { role: "img" }), scale: element("p", "scale"), note: element("p", "muted"),
  });
  Object.assign(parts, into(parts.caption, { title: element("b", "", title), age: element("small") }));
  Object.assign(parts, into(parts.scale, { left: element("span"), middle: element("span"), right: element("span") }));
  box.append(figure);
  return parts;
}

function showNote(tile, text) {
  setText(tile.note, text);
  tile.note.hidden = !text;
  tile.bars.hidden = tile.scale.hidden = Boolean(text);
}

// bars: {up, down, level, title}: a column each, up from the line and down from it.
function showBars(tile, bars, words, scale, note = "") {
  showNote(tile, "");
  setText(tile.note, note);
  tile.note.hidden = !note;
  const highest = Math.max(1, ...bars.map((b) => b.up));
  const lowest = Math.max(0, ...bars.map((b) => b.down || 0));
  while (tile.bars.children.length > bars.length) tile.bars.lastChild.remove();
  bars.forEach((b, i) => {
    const column = tile.bars.children[i] || tile.bars.appendChild(element("span", "column"));
    if (!column.firstChild) column.append(element("span"), element("span"));
    const [up, down] = column.children;
    const size = (n) => `${(100 * n) / (highest + lowest)}%`;
    setClass(up, `up ${b.level}`);
    setClass(down, "down");
    up.style.height = size(b.up);
    up.style.bottom = size(lowest);
    up.style.minHeight = b.up > 0 ? "2px" : "0";
    down.style.height = size(b.down || 0);
    down.style.top = size(highest);
    setAttribute(column, "title", b.title);
  });
  setAttribute(tile.bars, "aria-label", words);
  ["left", "middle", "right"].forEach((place, i) => setText(tile[place], scale[i] || ""));
}

// How many batteries are at which health.
function showHealth(tile, batteries, thresholds) {
  const values = batteries.map((b) => b.soh).filter(isNumber).sort((a, b) => a - b);
  if (values.length === 0) {
    showNote(tile, "No battery reports its health.");
    return;
  }
  const low = Math.floor(values[0]);
  const step = Math.max(1, Math.ceil((values[values.length - 1] - low + 0.01) / BINS));
  const n = Math.max(6, Math.ceil((values[values.length - 1] - low + 0.01) / step));
  const counts = new Array(n).fill(0);
  for (const v of values) counts[Math.min(n - 1, Math.floor((v - low) / step))]++;
  const bars = counts.map((up, i) => {
    const from = low + i * step;
    return { up, level: levelOf(thresholds, "soh", from + step / 2), title: `${up} at ${from} to ${from + step} %` };
  });
  const middle = values[values.length >> 1];
  showBars(tile, bars, `State of health of ${values.length} batteries, from ${low} to ${Math.min(100, low + n * step)} %, half of them below ${middle.toFixed(1)} %`,
    [`${low} %`, `median ${middle.toFixed(1)} %`, `${Math.min(100, low + n * step)} %`]);
}

// Due already, by month as far as any is due (half a year at least), and later.
function showDue(tile, { due, due_now: now, due_later: later, due_unknown: unknown }) {
  const last = due.reduce((i, d, at) => (d.count > 0 ? at : i), 0);
  const months = due.slice(0, Math.max(6, last + 1));
  const bars = [
    { up: now, level: "CRITICAL", title: `${now} due now` },
    ...months.map((d, i) => ({ up: d.count, level: i < 3 ? "WARNING" : "NORMAL", title: `${d.count} due in ${d.date}` })),
    ...(later > 0 ? [{ up: later, level: "NORMAL", title: `${later} due later` }] : []),
  ];
  const soon = months.slice(0, 3).reduce((sum, d) => sum + d.count, 0);
  const notes = [`${now.toLocaleString("en")} now`, soon > 0 ? `${soon.toLocaleString("en")} in 3 months` : "", unknown > 0 ? `${unknown.toLocaleString("en")} not known yet` : ""].filter(Boolean);
  const end = later > 0 ? "later" : months[months.length - 1].date;
  showBars(tile, bars, `Batteries due for service at their present use: ${notes.join(", ")}; by month from ${months[0].date} to ${end}`,
    ["now", "", end], notes.join(", "));
}

function showAlerts(tile, buckets) {
  const sum = (key) => buckets.reduce((total, b) => total + b[key], 0);
  const bars = buckets.map((b) => ({ up: b.raised, down: b.cleared, level: "CRITICAL", title: `from ${timeText(b.time)}: ${b.raised} raised, ${b.cleared} cleared` }));
  const words = `${sum("raised").toLocaleString("en")} raised, ${sum("cleared").toLocaleString("en")} cleared`;
  showBars(tile, bars, `Alerts of the last ${ALERT_HOURS} hours: ${words}`, [`−${ALERT_HOURS} h`, words, "now"]);
}

export function makeTrends(box) {
  const health = makeTile(box, "State of health");
  const due = makeTile(box, "Due for service");
  const alerts = makeTile(box, `Alerts, last ${ALERT_HOURS} h`);
  const asked = new Map(); // tile -> when it was answered
  let nextMs = 0;
  showNote(due, "…");
  showNote(alerts, "…");

  async function ask(tile, path, take, signal) {
    try {
      take(await getJson(path, { signal }));
      asked.set(tile, Date.now());
    } catch (error) {
      if (signal && signal.aborted) return;
      if (!asked.has(tile)) showNote(tile, error.code === 404 ? "Not available from this server." : `Not available: ${error.message}.`);
    }
  }

  return {
    // There is an alert: do not wait for long.
    hasten() {
      nextMs = Math.min(nextMs, Date.now() + SOON_MS);
    },
    // Asked for now and then, whatever the list does.
    async refresh(signal) {
      if (Date.now() < nextMs) return;
      nextMs = Date.now() + ASK_MS;
      await Promise.all([
        ask(due, "/api/fleet/trends", (answer) => showDue(due, answer), signal),
        ask(alerts, `/api/alerts/history?hours=${ALERT_HOURS}&buckets=${ALERT_BUCKETS}`, (answer) => showAlerts(alerts, answer.data), signal),
      ]);
    },
    setBatteries(batteries, thresholds, atMs) {
      asked.set(health, atMs);
      showHealth(health, batteries, thresholds);
    },
    drawAges() {
      for (const tile of [health, due, alerts]) setText(tile.age, asked.has(tile) ? agoText((Date.now() - asked.get(tile)) / 1000) : "");
    },
  };
}
