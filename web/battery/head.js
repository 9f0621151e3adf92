// SPDX-License-Identifier: MIT
// battery/head.js: how the battery is, why, and what to do; and its values now, each with its age.

import { element, into, setAttribute, setClass, setText } from "../shared/dom.js";
import {
  agoText, duration, flowText, isNumber, isSilent, isUnknown, levelOf, MARK, noteOf, reasonWords, statusOf, timeText, unknownText,
  valueOf, valueText,
} from "../shared/values.js";

const MIN_LATE_S = 5;

// ---- state --------------------------------------------------------------------------------

// What to do about a broken limit, by quantity.
const ACTIONS = {
  soc: "Charge it.",
  soh: "Plan its replacement: its capacity is low.",
  temperature: "Let it cool down, and check its cooling.",
  rul_prediction: "Book its service: few cycles are left.",
  failure_probability: "Inspect it before further use.",
};

const quantityOf = (reason) => reason.split(" ")[0];

// [what is wrong, what to do] of each broken limit, the worst first.
const troubles = (b) => b.health.reasons.map((reason) => [reasonWords(reason, b), ACTIONS[quantityOf(reason)] || ""]);

// Telemetry is late before the server calls the battery silent: when three records are missing.
export const isLate = (age, interval) => age > Math.max(MIN_LATE_S, 3 * interval + 1);

function stateText(b) {
  const status = statusOf(b);
  const word = `${status[0]}${status.slice(1).toLowerCase()}`;
  if (isUnknown(b)) return `Unknown: was ${status.toLowerCase()}`;
  return word;
}

// For how long, and since when.
function sinceTexts(b, now_s) {
  if (!b.health.since || isUnknown(b)) return ["", ""];
  return [`for ${duration(now_s - Date.parse(b.health.since) / 1000)}`, `, since ${timeText(b.health.since)}`];
}

// "3 open alerts, 1 acknowledged"; "" where there has been none.
function alertsText(alerts) {
  const open = alerts.filter((a) => !a.cleared_at);
  const known = open.filter((a) => a.acknowledged_at).length;
  if (open.length === 0) return alerts.length > 0 ? "no open alerts" : "";
  return `${open.length} open ${open.length === 1 ? "alert" : "alerts"}${known > 0 ? `, ${known} acknowledged` : ""}`;
}

function needsText(b) {
  const needs = [];
  if (b.health.needs_service) needs.push("✚ needs service");
  if (b.health.needs_charging) needs.push("⚡ needs charging");
  return needs;
}

export class Head {
  constructor(root) {
    this.root = root;
    const line = element("p", "state");
    Object.assign(this, into(root, { line, list: element("ul", "troubles") }));
    Object.assign(this, into(line, {
      badge: element("strong", "badge"), needs: element("span", "needs"), since: element("span", "since"),
      alerts: element("a", "", "", { href: "#alerts" }), pulse: element("span", "pulse"),
    }));
    Object.assign(this, into(this.since, { lasting: element("span"), moment: element("span", "moment") }));
    this.alerts.hidden = true;
  }

  setAlerts(alerts) {
    setText(this.alerts, alertsText(alerts));
    this.alerts.hidden = !this.alerts.textContent;
  }

  // How it is, in a few words; changes with the state alone.
  words(b, isOld, connection) {
    return connection === "away" ? "Not connected" : `${stateText(b)}${isOld ? ", no data" : ""}`;
  }

  // now_s: by the server's clock; age: s since the last record; connection: "live", "polling" or "away".
  draw(b, now_s, age, interval, connection) {
    const level = isUnknown(b) ? "UNKNOWN" : statusOf(b);
    setClass(this.root, `card state-${level}`);
    setClass(this.badge, `badge ${level}`);
    setText(this.badge, `${isUnknown(b) ? "○" : MARK[level] || "?"} ${stateText(b)}`);
    const [lasting, moment] = sinceTexts(b, now_s);
    setText(this.lasting, lasting);
    setText(this.moment, moment);
    setText(this.needs, needsText(b).join("   "));
    const isOff = connection === "away";
    const late = isSilent(b) || isLate(age, interval);
    setClass(this.pulse, `pulse ${isOff ? "lost" : late ? "late" : ""}`);
    setText(this.pulse, isOff ? "Not connected" : late ? `No data for ${duration(age)}` : `Updated ${agoText(age)}`);

    const lines = troubles(b);
    if (!isOff && late) lines.push([`no data for ${duration(age)}`, "Check its connection. The values are the last known."]);
    if (isNumber(b.health.no_predictions_for_s)) {
      lines.push([`no predictions for ${duration(b.health.no_predictions_for_s)}`, `Check evtwin-predict.${b.prediction ? " The prediction is the last one." : ""}`]);
    }
    if (lines.length === 0) lines.push(["All values are within their limits.", ""]);
    while (this.list.children.length > lines.length) this.list.lastChild.remove();
    lines.forEach(([what, action], i) => {
      let item = this.list.children[i];
      if (!item) {
        item = element("li");
        item.append(element("b"), element("span"));
        this.list.append(item);
      }
      setText(item.firstChild, what.replace(/^./, (c) => c.toUpperCase()));
      setText(item.lastChild, action);
    });
  }
}

// ---- tiles --------------------------------------------------------------------------------

// quantity, title, what its gauge covers
const TILES = [
  ["soc", "Charge", [0, 100]],
  ["soh", "Health", [60, 100]],
  ["rul_prediction", "Remaining life", [0, 1000]],
  ["failure_probability", "Failure risk", [0, 1]],
  ["temperature", "Temperature", [-10, 80]],
  ["power_consumption", "Power", null],
];
const PREDICTED = ["rul_prediction", "failure_probability"];

// The bands of the gauge, each in the colour of the values within: [width in %, level].
function bandsOf(thresholds, quantity, [from, until]) {
  const edges = thresholds.filter((t) => t.quantity === quantity && t.limit > from && t.limit < until).map((t) => t.limit);
  const all = [from, ...edges.sort((a, b) => a - b), until];
  const bands = [];
  all.slice(1).forEach((high, i) => {
    const level = levelOf(thresholds, quantity, (high + all[i]) / 2);
    const width = (100 * (high - all[i])) / (until - from);
    if (bands.length > 0 && bands[bands.length - 1][1] === level) bands[bands.length - 1][0] += width;
    else bands.push([width, level]);
  });
  return bands;
}

class Tile {
  constructor([quantity, title, gauge]) {
    this.quantity = quantity;
    this.gauge = gauge;
    this.root = element("div", "tile");
    Object.assign(this, into(this.root, {
      top: element("span", "top"), value: element("strong"), track: element("span", "gauge", "", { "aria-hidden": "true" }), note: element("small"),
    }));
    Object.assign(this, into(this.top, { title: element("span", "", title), age: element("small") }));
    this.track.hidden = !gauge;
    this.marker = element("span", "marker");
    this.drawn = "";
  }

  drawGauge(thresholds, value) {
    const bands = bandsOf(thresholds, this.quantity, this.gauge);
    const key = bands.join();
    if (key !== this.drawn) {
      this.drawn = key;
      this.track.replaceChildren(...bands.map(([width, level]) => {
        const band = element("span", `band ${level}`);
        band.style.width = `${width}%`;
        return band;
      }), this.marker);
    }
    const [from, until] = this.gauge;
    this.marker.hidden = !isNumber(value);
    if (isNumber(value)) this.marker.style.left = `${Math.min(100, Math.max(0, (100 * (value - from)) / (until - from)))}%`;
  }

  draw(b, thresholds, age, predictionAge, notes) {
    const { quantity } = this;
    const value = valueOf(b, quantity);
    const isPredicted = PREDICTED.includes(quantity);
    setClass(this.root, `tile ${levelOf(thresholds, quantity, value)}`);
    setText(this.value, isNumber(value) ? valueText(quantity, value) : isPredicted ? unknownText(b) : "unknown");
    if (this.gauge && thresholds.length > 0) this.drawGauge(thresholds, value);
    setText(this.note, isPredicted && !isNumber(value) ? noteOf(b) : notes[quantity] || "");
    setText(this.age, !isPredicted ? agoText(age) : b.prediction ? agoText(predictionAge) : "");
    setAttribute(this.age, "title", isPredicted ? "when it was predicted" : "when it was recorded");
  }
}

export class Tiles {
  constructor(root) {
    this.tiles = TILES.map((tile) => new Tile(tile));
    root.append(...this.tiles.map((tile) => tile.root));
  }

  // notes: quantity -> what to add in words
  draw(b, thresholds, age, predictionAge, notes) {
    const flow = flowText(b);
    const all = { ...notes, power_consumption: flow && flow !== "idle" ? flow : isNumber(b.current) ? "idle" : "" };
    for (const tile of this.tiles) tile.draw(b, thresholds, age, predictionAge, all);
  }
}
