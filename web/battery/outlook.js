// SPDX-License-Identifier: MIT
// battery/outlook.js: the prediction in words: how far it may be off, when the life ends at the present use, and why.

import { element, into, setText } from "../shared/dom.js";
import { agoText, duration, factorText, isNumber, noteOf, show, timeText, unknownText, valueOf } from "../shared/values.js";
import { textOf } from "./panels.js";

const DAY_S = 86400;

const dateText = (ms) => new Date(ms).toISOString().slice(0, 10);

const rateText = (perDay) => `${Number(perDay.toPrecision(2))} cycles a day`;

// At how many cycles of remaining life a battery is due for service: the highest limit of the alerts.
const serviceLimit = (thresholds) => Math.max(0, ...thresholds.filter((t) => t.quantity === "rul_prediction" && t.kind !== "display" && t.operator === "<").map((t) => t.limit));

// When service is due and when the life ends, at the present use; null where the RUL or the use is not known. By the
// battery's own clock where it has one: dates are what they would be if it ran as ours from now on.
//   {limit, service: {days, ms}, end: {days, ms}, perDay, ...use}
export function dueOf(b, use, thresholds) {
  const rul = valueOf(b, "rul_prediction");
  if (!isNumber(rul) || !use) return null;
  const limit = serviceLimit(thresholds);
  const when = (cycles) => {
    const seconds = Math.max(0, cycles) / use.perSecond;
    return { days: seconds / DAY_S, ms: Date.parse(b.time) + 1000 * seconds };
  };
  return { limit, service: when(rul - limit), end: when(rul), perDay: use.perSecond * DAY_S, ...use };
}

// In a few words, for a tile.
export function dueShort(due) {
  if (!due) return "no date yet: too few cycles";
  if (due.end.days < 1) return "end of life within a day";
  return due.service.days > 0 ? `service ≈ ${dateText(due.service.ms)}` : `due now, end ≈ ${dateText(due.end.ms)}`;
}

const inDays = (days) => (days < 1 ? "within a day" : `in ${show(days, 0, days < 1.5 ? " day" : " days")}`);
const whenText = ({ days, ms }) => (days < 1 ? "within a day" : `${inDays(days)}, about ${dateText(ms)}`);

function dueText(b, due) {
  if (!isNumber(valueOf(b, "rul_prediction"))) return "Unknown: no RUL has been predicted.";
  if (!due) return "Not known yet: fewer than 3 cycles were recorded in the last 30 days.";
  const service = due.service.days > 0 ? `Service (at ${textOf("rul_prediction", due.limit)} left) ${whenText(due.service)}.` : "Service is due now.";
  return `${service} End of life ${whenText(due.end)}. This assumes that it is used as at present, ${rateText(due.perDay)} (${due.cycles.toFixed(0)} in ${duration(due.seconds)}).${clockText(b, due)}`;
}

// A simulation may run many times as fast: its days are not ours.
function clockText(b, due) {
  const factor = b.health.time_factor;
  if (!due.byOwn || !factorText(factor)) return "";
  return ` These are days of the simulation, in which ${factorText(factor)}: in real time the end comes in ${duration((due.end.days * DAY_S) / factor)}.`;
}

const hasInterval = (b) => isNumber(valueOf(b, "rul_low")) && isNumber(valueOf(b, "rul_high"));

function rulText(b) {
  const rul = valueOf(b, "rul_prediction");
  if (!isNumber(rul)) return b.prediction ? `Unknown${noteOf(b) ? `: ${noteOf(b)}` : ""}.` : "No prediction has been made yet.";
  const interval = hasInterval(b)
    ? ` 90 % prediction interval: ${textOf("rul_low", valueOf(b, "rul_low"))} to ${textOf("rul_high", valueOf(b, "rul_high"))}, for batteries like those in the training data. Plan with the lower end.`
    : "";
  return `${textOf("rul_prediction", rul)}.${interval}`;
}

function errorText(b) {
  const error = b.prediction && b.prediction.rul_error;
  if (!isNumber(error)) return "Not known for this model.";
  const text = `${textOf("rul_prediction", error)}: root-mean-square error on batteries that the model was not trained on.`;
  return hasInterval(b) ? text : `${text} It is not an interval for this battery.`;
}

const OLD_REASONS_S = 60;

// How the reasons and the RUL that is shown belong together: they are of the model's answer for one record.
function sumText({ prediction, mean, answer }) {
  if (![prediction, mean, answer].every(isNumber)) return "";
  const cycles = (value) => textOf("rul_prediction", value);
  let more = "";
  if (prediction === 0 && answer >= 1) more = " alone; by the rule of the training labels its life has ended";
  else if (Math.abs(prediction - Math.max(answer, 0)) >= 1) more = " alone; the RUL shown is smoothed over the last ten cycles";
  return `All features together lead from ${cycles(mean)}, the mean of the training data, to ${cycles(answer)} for this record${more}.`;
}

function whenExplained(b, reasons) {
  const behind_s = (Date.parse(b.prediction.time) - Date.parse(reasons.time)) / 1000;
  return behind_s > OLD_REASONS_S ? `These reasons are for the record of ${timeText(reasons.time)}.` : "";
}

// The reasons, the largest first, as lines; reasons: data of /api/battery/reasons, null = none are kept.
function whyLines(b, reasons) {
  if (!b.prediction) return unknownText(b) === "waiting" ? "It waits for its first prediction." : "";
  if (noteOf(b) && !isNumber(valueOf(b, "rul_prediction"))) return `There is no prediction because ${noteOf(b).replace(/^because /, "")}.`;
  if (!reasons || !reasons.rul) return "No reasons are kept: evtwin-predict --explain 3 keeps them.";
  return [...reasons.rul.reasons.map((r) => r.text), sumText(reasons.rul), whenExplained(b, reasons)].filter((line) => line);
}

// A text, or lines as a list.
function fill(e, value) {
  if (!Array.isArray(value)) {
    setText(e, value);
  } else if (e.textContent !== value.join("") || e.children.length === 0) {
    const list = element("ul");
    list.append(...value.map((line) => element("li", "", line)));
    e.replaceChildren(list);
  }
}

// Pairs of name and text as a list of terms, changed where it changed.
export class Terms {
  constructor(root, title) {
    root.classList.add("card");
    Object.assign(this, into(root, { title: element("h2", "", title), list: element("dl") }));
  }

  draw(pairs) {
    while (this.list.children.length > pairs.length) this.list.lastChild.remove();
    pairs.forEach(([name, text], i) => {
      let item = this.list.children[i];
      if (!item) {
        item = element("div");
        item.append(element("dt"), element("dd"));
        this.list.append(item);
      }
      setText(item.firstChild, name);
      fill(item.lastChild, text);
    });
  }
}

export function outlookPairs(b, due, predictionAge, reasons) {
  const risk = valueOf(b, "failure_probability");
  const p = b.prediction;
  return [
    ["Remaining useful life", rulText(b)],
    ["Why", whyLines(b, reasons)],
    ["Service and end of life", dueText(b, due)],
    ["Error of the RUL model", errorText(b)],
    ["Failure risk", isNumber(risk) ? `${textOf("failure_probability", risk)}: predicted probability that the battery fails within the model's horizon.` : "Unknown."],
    ["Made", p ? `${agoText(predictionAge)}, for the record of ${timeText(p.time)}, by model ${p.model_version || "unknown"}` : "not yet"],
  ];
}

// What was noticed when a record came: a sum of these.
const QUALITY = [[1, "late"], [2, "out of order"], [4, "out of range"], [8, "in the future"], [16, "time without an offset"], [32, "perhaps a fraction"]];

function qualityText(quality) {
  if (!isNumber(quality)) return "not judged";
  const noticed = QUALITY.filter(([bit]) => (quality & bit) !== 0).map(([, word]) => word);
  return noticed.length > 0 ? noticed.join(", ") : "no flags";
}

export function factPairs(b) {
  const known = (v, decimals, unit) => (isNumber(v) ? show(v, decimals, unit) : "unknown");
  return [
    ["Record", `${timeText(b.time)}${isNumber(b.seq) ? `, number ${b.seq}` : ""}`],
    ["Resistance", known(b.resistance_mohm, 1, " mΩ")],
    ["Mean temperature", known(b.mean_temperature, 1, " °C")],
    ["Throughput", known(b.throughput_ah_per_day, 1, " Ah/day")],
    ["Charge cycles", known(b.charge_cycles, 0, "")],
    ["Simulated or test time", isNumber(b.sim_time_s) ? `${duration(b.sim_time_s)} since its start` : "none"],
    ["Quality of the record", qualityText(b.quality)],
  ];
}
