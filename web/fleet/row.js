// SPDX-License-Identifier: MIT
// fleet/row.js: one battery as a row of the list: made once, filled often, from the map at once and from its whole row when
// that is there.

import { element, into, set, setAttribute, setClass, setText } from "../shared/dom.js";
import {
  agoText, duration, flowText, isNumber, levelOf, MARK, noteOf, reasonShort, reasonText, show, unknownText, valueText,
} from "../shared/values.js";
import { ageOf, shownLevel } from "./model.js";

// What the columns are called, what they sort by, and what they say when pointed at.
export const COLUMNS = [
  { key: "battery", title: "Battery", className: "name" },
  { key: "need", title: "Status", className: "status", help: "Most urgent first" },
  { key: "soc", title: "Charge", className: "number soc", help: "State of charge" },
  { key: "soh", title: "Health", className: "number soh", help: "State of health" },
  { key: "rul_prediction", title: "RUL", className: "number rul", help: "Remaining useful life in cycles, with its 90 % prediction interval; or ± the model's held-out error if it has no interval" },
  { key: "failure_probability", title: "Failure risk", className: "number risk", help: "Predicted probability of failure" },
  { key: "temperature", title: "Temperature", className: "number temperature" },
  { key: "age", title: "Last seen", className: "number seen", help: "When the last record came" },
];

// The word is not seen where there is little room.
function makeMark(sign, word) {
  const mark = element("span", "mark");
  mark.append(element("span", "", sign, { "aria-hidden": "true" }), element("span", "word", ` ${word} `));
  return mark;
}

export function makeRow() {
  const row = element("div", "row", "", { role: "row" });
  const cells = {};
  for (const { key, title, className } of COLUMNS) {
    const cell = element("div", className, "", { role: key === "battery" ? "rowheader" : "cell", "data-label": title });
    cells[key] = { cell, ...into(cell, { text: element("span", "figure"), small: element("small") }) };
    row.append(cell);
  }
  const link = element("a", "link");
  cells.battery.text.replaceWith(link);
  for (const key of ["soc", "soh"]) {
    const bar = element("span", "bar", "", { "aria-hidden": "true" });
    cells[key].small.replaceWith(bar);
    cells[key].bar = bar;
    Object.assign(cells[key], into(bar, { level: element("span") }));
  }
  const marks = { service: makeMark("✚", "service"), charging: makeMark("⚡", "charge"), silent: makeMark("◌", "silent") };
  marks.silent.classList.add("silent");
  const silence = marks.silent.appendChild(element("span", "silence"));
  cells.need.small.before(marks.silent, marks.service, marks.charging);
  return { row, link, cells, marks, silence, id: null };
}

function fillBar({ text, bar, level }, key, value, thresholds) {
  setText(text, valueText(key, value));
  const width = isNumber(value) ? `${Math.min(100, Math.max(0, value))}%` : "0";
  if (level.style.width !== width) level.style.width = width;
  const colour = levelOf(thresholds, key, value);
  setClass(bar, `bar ${colour}`);
  setClass(text, `figure ${colour}`);
}

const fillFigure = ({ text, small }, key, value, thresholds, textOfValue, textOfSmall) => {
  setText(text, textOfValue);
  setClass(text, `figure ${levelOf(thresholds, key, value)}`);
  setText(small, textOfSmall);
};

// How far off a battery's RUL may be.
function doubtOf(full) {
  if (full && isNumber(full.rul_low) && isNumber(full.rul_high)) return `${show(full.rul_low, 0, "")} to ${show(full.rul_high, 0, "")}`;
  const error = full && full.prediction && full.prediction.rul_error;
  return isNumber(error) ? `± ${error.toFixed(0)} cycles` : "cycles";
}

// b: the battery of the map; full: its whole row, or undefined, which was answered late_s ago.
export function fillRow(parts, b, full, late_s, thresholds) {
  const { cells, marks, link, row } = parts;
  const level = shownLevel(b);
  if (parts.id !== b.id) {
    parts.id = b.id;
    row.dataset.id = b.id;
    setText(link, b.id);
    link.href = `/battery/${encodeURIComponent(b.id)}`;
  }
  setClass(row, `row ${level}${b.silent ? " silent" : ""}${full && full.health.no_predictions_for_s !== null ? " unpredicted" : ""}`);
  setText(cells.battery.small, full ? (b.silent ? "" : flowText(full)) : "");

  setText(cells.need.text, level === "SILENT" ? `○ was ${b.status.toLowerCase()}` : `${MARK[b.status]} ${b.status}`);
  setClass(cells.need.text, `badge ${level === "SILENT" ? "UNKNOWN" : b.status}`);
  set(marks.service, "hidden", !(b.needs & 2));
  set(marks.charging, "hidden", !(b.needs & 1));
  set(marks.silent, "hidden", !b.silent);
  const age = ageOf(b);
  if (b.silent) setText(parts.silence, isNumber(age) ? duration(Math.abs(age)) : "an unknown time");
  setText(cells.need.small, full ? full.health.reasons.map(reasonShort).join(" · ") : "");
  setAttribute(cells.need.small, "title", full ? reasonText(full) || null : null);

  fillBar(cells.soc, "soc", b.soc, thresholds);
  fillBar(cells.soh, "soh", b.soh, thresholds);
  const p = full && full.prediction;
  const unknown = full ? unknownText(full) : "–";
  const rul = b.rul_prediction;
  fillFigure(cells.rul_prediction, "rul_prediction", rul, thresholds, isNumber(rul) ? show(rul, 0, "") : unknown,
    !isNumber(rul) ? (full ? noteOf(full) : "") : doubtOf(full));
  const risk = b.failure_probability;
  fillFigure(cells.failure_probability, "failure_probability", risk, thresholds,
    isNumber(risk) ? valueText("failure_probability", risk) : unknown, p ? `predicted ${agoText(p.age_s + late_s)}` : "");
  fillFigure(cells.temperature, "temperature", b.temperature, thresholds, valueText("temperature", b.temperature), "");
  fillFigure(cells.age, "", null, thresholds, agoText(age), "");
  setAttribute(cells.age.text, "title", full ? `record of ${full.time}` : null);
}
