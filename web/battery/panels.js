// SPDX-License-Identifier: MIT
// battery/panels.js: which charts there are, what their axes cover, and how their values are written.

import { isNumber, QUANTITIES, show, valueText } from "../shared/values.js";

// A scale covers the data, at least this much of them, and a limit that is not far away.
const about = (minSpan, hard = [-Infinity, Infinity]) => (low, high, limits) => {
  const middle = (low + high) / 2;
  const half = Math.max(high - low, minSpan) / 2;
  const near = limits.filter((limit) => limit > middle - 3 * half && limit < middle + 3 * half);
  const from = Math.min(middle - half, ...near);
  const until = Math.max(middle + half, ...near);
  const pad = 0.08 * (until - from);
  return [Math.max(hard[0], from - pad), Math.min(hard[1], until + pad)];
};
// From 0, for what is an amount: its height is what counts.
const fromZero = (minTop, hard = Infinity) => (low, high, limits) => {
  const top = Math.max(high, minTop);
  const near = limits.filter((limit) => limit < 1.5 * top);
  return [Math.min(0, low), Math.min(hard, 1.08 * Math.max(top, ...near))];
};
const whole = (low, high) => () => [low, high];

// The panels, in order:
//   lines   quantity: what is drawn, as its mean (or another part) with a band from lowest to highest; scale: of which axis; color: a token of
//           style.css, or "graded": by the limits that the value is beyond
//   range   of each scale: (lowest, highest, limits) -> [from, until]
//   limits  quantity whose limits are drawn
//   interval  two quantities between which a band is drawn where both are known
export const PANELS = [
  { key: "soc", title: "Charge", lines: [{ quantity: "soc", color: "graded" }], range: { soc: whole(0, 103) }, limits: "soc" },
  { key: "soh", title: "Health", lines: [{ quantity: "soh", color: "graded" }], range: { soh: about(2, [0, 102]) }, limits: "soh" },
  { key: "temperature", title: "Temperature", lines: [{ quantity: "temperature", color: "graded" }], range: { temperature: about(10) }, limits: "temperature" },
  {
    key: "rul", title: "Remaining useful life", lines: [{ quantity: "rul_prediction", color: "graded", isBandless: true }],
    range: { rul_prediction: fromZero(120) }, limits: "rul_prediction", interval: ["rul_low", "rul_high"],
  },
  { key: "risk", title: "Failure risk", lines: [{ quantity: "failure_probability", color: "graded" }], range: { failure_probability: fromZero(0.1, 1.03) }, limits: "failure_probability" },
  {
    key: "electric", title: "Voltage and current",
    lines: [{ quantity: "voltage", color: "--series-2" }, { quantity: "current", color: "--series-3", isRight: true }],
    range: { voltage: about(10), current: about(20) },
  },
  { key: "power", title: "Power", lines: [{ quantity: "power_consumption", color: "--series-4", isArea: true }], range: { power_consumption: fromZero(100) } },
  { key: "cycles", title: "Charge cycles", lines: [{ quantity: "charge_cycles", color: "--series-1", part: "max", isBandless: true, isStepped: true }], range: { charge_cycles: about(4, [0, Infinity]) } },
];

// What the statistics list.
export const LISTED = ["soc", "soh", "temperature", "voltage", "current", "power_consumption", "rul_prediction", "failure_probability", "charge_cycles"];

const NAMES = { rul_prediction: "remaining useful life", charge_cycles: "charge cycles" };
export const nameOf = (quantity) => NAMES[quantity] || (QUANTITIES[quantity] || [quantity])[0];
export const titleOf = (quantity) => nameOf(quantity).replace(/^./, (c) => c.toUpperCase());

const SAME = { rul_low: "rul_prediction", rul_high: "rul_prediction" };
export function textOf(quantity, value) {
  if (!isNumber(value)) return "unknown";
  return quantity === "charge_cycles" ? show(value, 0, " cycles") : valueText(SAME[quantity] || quantity, value);
}

// A value on an axis, as short as it can be.
export function tickOf(quantity, value) {
  const [, unit, factor] = QUANTITIES[quantity] || ["", "", 1];
  const shown = Number((factor * value).toFixed(4));
  return `${shown}`.replace("-", "−") + (unit === " cycles" ? "" : unit);
}

export const limitText = (limit) =>
  `${limit.kind === "alert" ? "alert" : limit.level.toLowerCase()} ${limit.operator} ${tickOf(limit.quantity, limit.limit)}`;

// The limits of a quantity that status and alerts follow, each once.
export function limitsOf(thresholds, quantity) {
  const found = thresholds.filter((t) => t.quantity === quantity && (t.kind === "status" || t.kind === "alert"));
  return found.filter((t, i) => found.findIndex((o) => o.limit === t.limit && o.operator === t.operator) === i);
}
